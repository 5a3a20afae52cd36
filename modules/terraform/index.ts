/** Runs `tofu` or `terraform` over a folder with its JSON. */
export { findTerraform, TERRAFORM_VARIABLE } from "./find.ts";
export { type PlannedChange, Terraform } from "./terraform.ts";
