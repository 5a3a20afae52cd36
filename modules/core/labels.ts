/** The labels by which Terrace knows what is its own. Nothing without `terrace.platform` is ever touched. */
export const LABEL = {
  platform: "terrace.platform",
  stack: "terrace.stack",
  urn: "terrace.urn",
  /** Hash of the specification as Terrace wrote it: differs from the live one's hash where somebody changed it by hand. */
  hash: "terrace.hash",
  /** Hash of the task template, on containers: tells tasks of this deploy from those of the one before. */
  template: "terrace.template",
  /** The limit of processes a service asks for. The Pulumi provider has no argument for it, so it travels as a label. */
  pids: "terrace.limit.pids",
  /** On services: images, with commas between them, of what they start themselves. Nodes get these like the service's own. */
  images: "terrace.images",
  site: "terrace.site",
  /** On Swarm nodes: the name that `pool.nodes` gives it. */
  node: "terrace.node",
  /** On Swarm nodes, `true` where it answers visitors. */
  edge: "terrace.edge",
  /** On a Swarm whose managers were lost: when it was founded anew from one that was left, ISO 8601. */
  recovered: "terrace.recovered",
  /** On the service and the secrets of a site's database: its engine, the database's name, and the user that the site logs in as. */
  database: "terrace.database",
  databaseName: "terrace.database.name",
  databaseUser: "terrace.database.user",
  /** On the secret of a login: its number; the highest is the one in use, and one without a number is not accepted yet. */
  databaseLogin: "terrace.database.login",
  /** On secrets: `data` where the object belongs to data that outlives what uses it, so only those who remove the data remove it. */
  keep: "terrace.keep",
  /** On configs: that it is a lock, and what it locks. */
  lock: "terrace.lock",
  namespace: "com.docker.stack.namespace",
} as const;
