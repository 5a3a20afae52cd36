export { EDGE, encodeEdge, type RenderedEdge, renderCaddy, renderEdge, revisionOf } from "./caddy.ts";
export { diffRoutes, type RouteChange, type RouteDiff } from "./diff.ts";
export { hosts } from "./headers.ts";
export { type EdgeModel, giveWay, type Redirect, type RouteDraft, type SiteRoutes } from "./routes.ts";
