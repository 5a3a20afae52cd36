export { EDGE, encodeEdge, type RenderedEdge, renderCaddy, renderEdge, revisionOf } from "./caddy.ts";
export { diffRoutes, type RouteChange, type RouteDiff } from "./diff.ts";
export { type EdgeModel, giveWay, hosts, type Redirect, type RouteDraft, type SiteRoutes } from "./routes.ts";
