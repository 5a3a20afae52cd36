import type { JsonObject } from "./json.ts";

/** What the edge itself says to a visitor, in Chinese and English. Small, because every edge holds it. */
export interface Page {
  status: number;
  /** Sent as `Retry-After`, in seconds. */
  retryAfter?: number;
  chinese: { title: string; text: string };
  english: { title: string; text: string };
}

export const PAGES = {
  unavailable: {
    status: 503,
    retryAfter: 10,
    chinese: { title: "网站暂时无法访问", text: "请稍候片刻后重试。" },
    english: { title: "This site is temporarily unavailable", text: "Please try again in a moment." },
  },
  timeout: {
    status: 504,
    retryAfter: 30,
    chinese: { title: "网站响应超时", text: "请稍候片刻后重试。" },
    english: { title: "This site took too long to answer", text: "Please try again in a moment." },
  },
  tooLarge: {
    status: 413,
    chinese: { title: "提交的内容过大", text: "请减小文件后重试。" },
    english: { title: "What you sent is too large", text: "Please try again with a smaller file." },
  },
  noSuchSite: {
    status: 404,
    chinese: { title: "此地址没有网站", text: "请检查网址是否正确。" },
    english: { title: "There is no site at this address", text: "Please check the address." },
  },
} as const satisfies Record<string, Page>;

/** A handler of Caddy that answers with the page; `status` where the same page serves another one. */
export function answerPage(page: Page, status: number = page.status): JsonObject {
  const headers: JsonObject = { "Cache-Control": ["no-store"], "Content-Type": ["text/html; charset=utf-8"] };
  if (page.retryAfter !== undefined) headers["Retry-After"] = [String(page.retryAfter)];
  return { handler: "static_response", status_code: status, headers, body: html(page, status) };
}

function html(page: Page, status: number): string {
  // Caddy searches bodies for {placeholders}; it leaves unknown ones alone, and CSS never names a known one.
  const style =
    "body{font:1rem/1.6 system-ui,'Noto Sans SC','Microsoft YaHei',sans-serif;color:#1c2733;background:#f4f6f8;margin:0;" +
    "display:grid;place-items:center;min-height:100vh}main{padding:2rem;max-width:36rem}h1{font-size:1.5rem;margin:0}" +
    "h2{font-size:1.1rem;margin:1.5rem 0 0;color:#4a5a6a}p{margin:.3rem 0}small{color:#7a8896}";
  return (
    `<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>${page.chinese.title}</title>` +
    '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">' +
    `<style>${style}</style></head><body><main><h1>${page.chinese.title}</h1><p>${page.chinese.text}</p>` +
    `<div lang="en"><h2>${page.english.title}</h2><p>${page.english.text}</p></div><p><small>${status}</small></p>` +
    "</main></body></html>\n"
  );
}
