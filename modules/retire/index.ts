import { z } from "zod";
import type { Concern } from "../core/concern.ts";
import { DEFAULT_STATUS, type STATUS, statusSchema } from "../redirects/index.ts";
import { dateSchema, faultCheck, webUrlFault } from "../units/index.ts";

export interface Retirement {
  /** From this day on (`YYYY-MM-DD`, local) the site is only redirects. */
  redirect: string;
  to: string;
  status: (typeof STATUS)[number];
}

const schema = z.strictObject({
  redirect: dateSchema().meta({
    description:
      "From this day on every name of the site redirects, over TLS, and its service is gone. Its volumes stay.",
    examples: ["2027-01-05"],
  }),
  to: faultCheck(webUrlFault).meta({
    description: "Where visitors are sent.",
    examples: ["https://www.honghe.gov.cn/finance"],
  }),
  status: statusSchema(),
});

export const retire: Concern<"retire", z.infer<typeof schema>, Retirement | undefined> = {
  key: "retire",
  required: false,
  schema: schema.meta({
    description: "Closes the site on a date. Taking the block back brings the site back, data intact.",
    examples: [{ redirect: "2027-01-05", to: "https://www.honghe.gov.cn/finance" }],
    absent: "the site stays",
  }),
  resolve: (typed) => typed && { redirect: typed.redirect, to: typed.to, status: typed.status ?? DEFAULT_STATUS },
};
