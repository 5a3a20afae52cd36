"""The mailbox's pages. All that a visitor typed passes through `escape`."""

from html import escape

import letters as rules

PORTAL = "https://www.honghe.localhost/"

SHELL = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta name="description" content="民意信箱（示例）：写信、查询办理进度、查看公开答复。">
<meta name="robots" content="noindex">
<meta name="SiteName" content="红河州民意信箱">
<meta name="SiteIDCode" content="5325009082">
<link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/style.css">
</head>
<body>
<a class="skip" href="#main">跳到正文</a>
<p class="demo">示例站点：请勿填写真实的个人信息，来信不会转给任何真实单位</p>
<header>
<div class="wrap">
<a class="brand" href="/"><img src="/static/favicon.svg" alt="" width="46" height="46"><span><b>红河州民意信箱</b><small lang="en">Letters to the Government</small></span></a>
<nav aria-label="主导航"><ul>{nav}</ul></nav>
</div>
</header>
<main id="main">
<div class="wrap">
{content}
</div>
</main>
<footer>
<div class="wrap">
<p><a href="{portal}">红河州人民政府门户</a>　<a href="/about">办信规则</a></p>
<p>主办单位：红河州人民政府办公室（示例）　网站标识码：5325009082（示例）</p>
<p>联系电话：0873-0000-9082（虚构号码）　演示站点，内容均为虚构。</p>
</div>
</footer>
</body>
</html>
"""

NAV = (("/", "写信"), ("/letters", "公开答复"), ("/track", "查进度"), ("/about", "办信规则"))


def shell(path, title, content):
    here = ' aria-current="page"'
    nav = "".join(f'<li><a href="{href}"{here if href == path else ""}>{text}</a></li>' for href, text in NAV)
    full = "红河州民意信箱" if path == "/" else f"{escape(title)} - 红河州民意信箱"
    return SHELL.format(title=full, nav=nav, content=content, portal=PORTAL)


def counters(counts):
    return (
        '<dl class="counts">'
        f"<div><dt>收到来信</dt><dd>{counts['received']}</dd></div>"
        f"<div><dt>已经答复</dt><dd>{counts['answered']}</dd></div>"
        f"<div><dt>公开答复</dt><dd>{counts['published']}</dd></div>"
        "</dl>"
    )


def home(counts, latest, form=None, faults=None):
    listed = "".join(item(row) for row in latest)
    return shell(
        "/",
        "写信",
        '<div class="two"><section><h1>有话写在这里</h1>'
        '<p class="lede">一件事写一封信。七个工作日内答复，复杂的十五个工作日；答复了才算办完。</p>'
        f"{letter_form(form or {}, faults or {})}</section>"
        f'<aside aria-label="办理情况">{counters(counts)}<h2>最近的答复</h2><ul class="list">{listed}</ul>'
        '<p><a href="/letters">全部公开答复</a></p></aside></div>',
    )


def letter_form(form, faults):
    alert = ""
    if faults:
        rows = "".join(f'<li><a href="#{field}">{escape(text)}</a></li>' for field, text in faults.items())
        alert = f'<div class="alert" role="alert"><strong>还有 {len(faults)} 处需要修改，已填的内容都在：</strong><ul>{rows}</ul></div>'
    options = "".join(
        f'<option{" selected" if form.get("category") == name else ""}>{name}</option>' for name in rules.CATEGORIES
    )
    return f"""{alert}<form method="post" action="/letters" accept-charset="utf-8">
<p><label for="category">类别</label><select id="category" name="category" required{mark("category", faults)}><option value="">请选择</option>{options}</select>{fault("category", faults)}</p>
<p><label for="title">标题 <small>不超过 {rules.TITLE_MAX} 个字</small></label><input id="title" name="title" maxlength="{rules.TITLE_MAX}" required value="{escape(form.get("title", ""))}"{mark("title", faults)}>{fault("title", faults)}</p>
<p><label for="body">内容 <small>时间、地点、经过、希望怎么解决；{rules.BODY_MIN} 到 {rules.BODY_MAX} 个字</small></label><textarea id="body" name="body" rows="9" minlength="{rules.BODY_MIN}" maxlength="{rules.BODY_MAX}" required{mark("body", faults)}>
{escape(form.get("body", ""))}</textarea>{fault("body", faults)}</p>
<p><label for="name">怎么称呼您 <small>可以不填，即为匿名</small></label><input id="name" name="name" maxlength="{rules.NAME_MAX}" autocomplete="off" value="{escape(form.get("name", ""))}"{mark("name", faults)}>{fault("name", faults)}</p>
<p class="trap" aria-hidden="true"><label for="website">这一栏请留空</label><input id="website" name="website" tabindex="-1" autocomplete="off"></p>
<p class="send"><button type="submit">寄出</button> <small>寄出后会得到一个查询码，请记下来。</small></p>
</form>"""


def mark(field, faults):
    return f' aria-invalid="true" aria-describedby="{field}-fault"' if field in faults else ""


def fault(field, faults):
    return f'<span class="fault" id="{field}-fault">{escape(faults[field])}</span>' if field in faults else ""


def item(row):
    return (
        f'<li><a href="/letters/{escape(row["code"])}">{escape(row["title"])}</a>'
        f'<span>{escape(row["category"])} · <time datetime="{row["received"]}">{row["received"]}</time></span></li>'
    )


def listing(rows, counts, page, more):
    items = "".join(item(row) for row in rows) or "<li>还没有公开的来信。</li>"
    turn = ""
    if page > 1:
        turn += f'<a href="/letters?page={page - 1}" rel="prev">上一页</a> '
    if more:
        turn += f'<a href="/letters?page={page + 1}" rel="next">下一页</a>'
    return shell(
        "/letters",
        "公开答复",
        f'<h1>公开答复</h1><p class="lede">已经答复、隐去个人信息的来信，全部公开。</p>{counters(counts)}'
        f'<ul class="list wide">{items}</ul><p>{turn}</p>',
    )


def letter(row):
    answer = (
        f'<section class="answer"><h2>{escape(row["unit"] or "承办单位")}的答复</h2>'
        f'<p class="meta">答复日期：<time datetime="{row["answered"]}">{row["answered"]}</time></p>{paragraphs(row["answer"])}</section>'
        if row["answered"]
        else '<p class="meta">正在办理，尚未答复。</p>'
    )
    return shell(
        "/letters/",
        row["title"],
        f'<article class="letter"><p><a href="/letters">← 公开答复</a></p><h1>{escape(row["title"])}</h1>'
        f'<p class="meta">{escape(row["category"])}　来信日期：<time datetime="{row["received"]}">{row["received"]}</time>　来信人：{escape(row["name"] or "匿名")}</p>'
        f"{paragraphs(row['body'])}{answer}</article>",
    )


def paragraphs(text):
    return "".join(f"<p>{escape(line)}</p>" for line in (text or "").split("\n") if line.strip())


def thanks(code):
    return shell(
        "/thanks",
        "已收到",
        f'<div class="done"><h1>来信已收到</h1><p>查询码：<strong class="code">{escape(code)}</strong></p>'
        f'<p>请记下查询码，可以<a href="/track?code={escape(code)}">随时查看办理进度</a>。七个工作日内答复。</p>'
        '<p><a href="/">再写一封</a>　<a href="/letters">看看别人的来信</a></p></div>',
    )


def track(code, row):
    result = ""
    if code and row is None:
        result = '<p class="alert" role="alert">没有找到这个查询码。请核对：八位日期、短横线、八位字母或数字。</p>'
    elif row is not None:
        state = "已答复" if row["answered"] else "已收到，等待分派" if not row["unit"] else f"已转{escape(row['unit'])}办理"
        link = f'<p><a href="/letters/{escape(row["code"])}">查看来信与答复</a></p>' if row["published"] else ""
        result = (
            f'<div class="answer" role="status"><p><strong>{state}</strong></p>'
            f'<p class="meta">{escape(row["category"])}　来信日期：{row["received"]}</p>{link}</div>'
        )
    return shell(
        "/track",
        "查进度",
        '<h1>查办理进度</h1><form method="get" action="/track" class="line"><label for="code">查询码</label>'
        f'<input id="code" name="code" maxlength="17" required autocomplete="off" value="{escape(code)}"><button type="submit">查询</button></form>{result}',
    )


def about():
    return shell(
        "/about",
        "办信规则",
        """<article class="letter"><h1>办信规则</h1>
<h2>从寄出到答复</h2>
<ol><li>当天登记，得到查询码；</li><li>两个工作日内分派给承办单位；</li><li>七个工作日内答复，复杂的十五个工作日并先告知原因；</li><li>隐去个人信息后公开。</li></ol>
<h2>怎么写更容易办好</h2>
<ul><li>一封信只说一件事；</li><li>写清时间、地点和您希望的结果；</li><li>不写身份证号、银行卡号和他人隐私。</li></ul>
<h2>哪些信不公开</h2>
<p>涉及个人隐私、商业秘密、正在调查的举报，只答复本人，不公开。</p>
<h2 id="contact">不满意怎么办</h2>
<p>收到答复后可以再写一封，注明原查询码，将由另一位经办人复核。</p></article>""",
    )


def fault_page(status, title, text):
    big = status.split()[0]
    return shell("", title, f'<div class="done"><p class="big" aria-hidden="true">{big}</p><h1>{escape(title)}</h1><p>{escape(text)}</p><p><a href="/">返回首页</a></p></div>')
