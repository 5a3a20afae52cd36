import type { BackupEntry } from "../../modules/backup/index.ts";

/** What the list of backups says of the site `gejiu`, which has a volume. `more` is laid over. */
export function backupEntry(more: Partial<BackupEntry> = {}): BackupEntry {
  return {
    site: "gejiu",
    schedule: "15 2 * * *",
    keep: { last: 3, daily: 7, weekly: 4, monthly: 12, yearly: 0 },
    prove: "15 5 * * 6",
    shrink: 50,
    smallest: 1024,
    content: false,
    volumes: ["data"],
    database: undefined,
    port: 8080,
    host: "gejiu.example.cn",
    file: "",
    ...more,
  };
}
