/** Small charts as SVG text, readable on light and dark pages alike. */

export interface Series {
  name: string;
  /** By the place on the horizontal axis; `undefined` where it was not measured. */
  values: (number | undefined)[];
}

export interface Chart {
  title: string;
  /** Of the vertical axis, e.g. `seconds`. */
  unit: string;
  /** Places on the horizontal axis, e.g. `15 sites`. */
  places: string[];
  series: Series[];
  /** A line across, e.g. a budget. */
  limit?: { value: number; name: string };
  /** Powers of ten on the vertical axis. */
  logarithmic?: boolean;
}

const WIDTH = 760;
const HEIGHT = 380;
const LEFT = 64;
const RIGHT = 16;
const TOP = 48;
const BOTTOM = 74;
const COLOURS = ["#2a6f97", "#e09f3e", "#8a8f98", "#7a4e9c"];

/** Bars in groups, one group a place. */
export function barChart(chart: Chart): string {
  const { places, series } = chart;
  const axis = verticalAxis(chart);
  const group = (WIDTH - LEFT - RIGHT) / places.length;
  const bar = Math.min(64, (group * 0.8) / series.length);
  const bars = series.flatMap(({ values }, index) =>
    values.map((value, place) => {
      if (value === undefined) return "";
      const x = LEFT + group * place + (group - bar * series.length) / 2 + bar * index;
      const y = axis.at(value);
      const rect = `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${(bar - 3).toFixed(1)}" height="${(HEIGHT - BOTTOM - y).toFixed(1)}" fill="${COLOURS[index]}"/>`;
      return `${rect}\n${label(x + (bar - 3) / 2, y - 5, short(value), "middle", 11)}`;
    }),
  );
  const names = places.map((place, index) =>
    label(LEFT + group * (index + 0.5), HEIGHT - BOTTOM + 18, place, "middle", 12),
  );
  return frame(chart, [axis.drawn, ...bars, ...names, limitLine(chart, axis.at)]);
}

function verticalAxis(chart: Chart): { at(value: number): number; drawn: string } {
  const all = chart.series.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const most = Math.max(...all, chart.limit?.value ?? 0) || 1;
  const ticks = chart.logarithmic ? powers(Math.min(...all), most) : steps(most);
  const [low = 0, high = 1] = [chart.logarithmic ? ticks[0] : 0, ticks.at(-1)];
  const scale = chart.logarithmic ? Math.log10 : (value: number) => value;
  const at = (value: number) =>
    HEIGHT - BOTTOM - ((scale(value) - scale(low)) / (scale(high) - scale(low))) * (HEIGHT - TOP - BOTTOM);
  const lines = ticks.map((tick) => {
    const y = at(tick).toFixed(1);
    const line = `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}" stroke="#8a8f98" stroke-opacity="0.3"/>`;
    return `${line}\n${label(LEFT - 8, Number(y) + 4, short(tick), "end", 11)}`;
  });
  return { at, drawn: lines.join("\n") };
}

function limitLine({ limit }: Chart, at: (value: number) => number): string {
  if (limit === undefined) return "";
  const y = at(limit.value).toFixed(1);
  const line = `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}" stroke="#c1121f" stroke-dasharray="5 4"/>`;
  return `${line}\n<text x="${WIDTH - RIGHT}" y="${Number(y) - 5}" text-anchor="end" font-size="11" fill="#c1121f" stroke="#ffffff" stroke-width="3" paint-order="stroke">${escaped(limit.name)}</text>`;
}

/** Round numbers from 0 to at least `most`. */
function steps(most: number): number[] {
  const raw = most / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * power >= raw) ?? 10) * power;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

function powers(least: number, most: number): number[] {
  const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  return Array.from({ length: Math.max(2, to - from + 1) }, (_, index) => 10 ** (from + index));
}

function frame(chart: Chart, parts: string[]): string {
  const legend = chart.series.map(({ name }, index) => {
    const x = LEFT + index * 230;
    const square = `<rect x="${x}" y="${HEIGHT - 30}" width="12" height="12" fill="${COLOURS[index]}"/>`;
    return `${square}\n${label(x + 18, HEIGHT - 20, name, "start", 12)}`;
  });
  const head = [label(LEFT, 20, chart.title, "start", 15, "bold"), label(LEFT, 38, chart.unit, "start", 11)];
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" role="img" aria-label="${escaped(chart.title)}">`;
  const paper = `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`;
  return `${[open, paper, ...head, ...parts, ...legend, "</svg>"].filter(Boolean).join("\n")}\n`;
}

function label(x: number, y: number, text: string, anchor: string, size: number, weight = "normal"): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="#1f2933">${escaped(text)}</text>`;
}

/** Three digits that count. */
function short(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
