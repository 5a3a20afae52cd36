import { EXIT, TerraceError } from "../../modules/core/errors.ts";
import { type Command, OPTION, text } from "../cli/command.ts";
import { note, print } from "../cli/output.ts";

const exportCommand: Command = {
  name: "export",
  summary: "Print the key of all repositories, sealed with age",
  details:
    "Without this key no backup can be read, and Swarm gives it to nobody: keep what this prints away from the cluster. Do it again after each rotation.",
  options: [OPTION.env, { flags: "--to <recipients>", says: "age's public keys, separated by commas; required" }],
  examples: [
    { line: "terrace backup key export --to age1... > honghe-backup-key.age", says: "for the holder of the age key" },
  ],
  async run(input) {
    const recipients = (text(input, "to") ?? "")
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== "");
    if (recipients.length === 0 || recipients.some((each) => !/^age1[a-z0-9]{20,}$/.test(each))) {
      throw new TerraceError("TERRACE_USAGE", "--to takes age's public keys, age1..., separated by commas", {
        next: "make a pair: age-keygen -o key.txt",
        exitCode: EXIT.usage,
      });
    }
    const [{ backupCommand }, { exportKey }] = await Promise.all([
      import("../cli/backup-command.ts"),
      import("../../stacks/backup/keys.ts"),
    ]);
    return backupCommand({ ...input, arguments: [] }, "backup key export", async (context) => {
      print((await exportKey(context, recipients)).trimEnd());
      note(
        "Keep this away from the cluster. `age -d -i key.txt FILE` shows the password, `terrace backup key import` brings it back.",
      );
      return EXIT.done;
    });
  },
};

const importCommand: Command = {
  name: "import",
  summary: "Give a cluster that was made anew the key of its repositories",
  details:
    "Takes an escrowed key in place of the one that the cluster made for itself. Nothing is written to a repository.",
  arguments: [{ name: "file", required: true, says: "what `terrace backup key export` printed" }],
  options: [
    OPTION.env,
    {
      flags: "--identity <file>",
      says: "the file with age's private key; where absent, FILE holds the password itself",
    },
    OPTION.yes,
  ],
  examples: [
    {
      line: "terrace backup key import honghe-backup-key.age --identity key.txt",
      says: "after `terrace up` on new servers",
    },
  ],
  async run(input) {
    const [{ backupCommand }, { importKey }, { readKey }, { agreed }] = await Promise.all([
      import("../cli/backup-command.ts"),
      import("../../stacks/backup/keys.ts"),
      import("./key-file.ts"),
      import("../cli/interact.ts"),
    ]);
    const [file = ""] = input.arguments;
    const password = await readKey(file, text(input, "identity"));
    return backupCommand({ ...input, arguments: [] }, "backup key import", async (context) => {
      note("This replaces the key that the cluster has. Backups made with that one cannot be read without it.");
      if (!(await agreed(input))) return EXIT.failed;
      const changed = await importKey(context, password);
      if (!changed) print("The cluster has this key already.");
      print("Next: terrace restore --all; or terrace restore SITE --list, then terrace restore SITE, for one site");
      return EXIT.done;
    });
  },
};

const rotateCommand: Command = {
  name: "rotate",
  summary: "Give all repositories another key",
  details:
    "Each gets the new key beside the old one first; the old one is taken out when all have it, and with it every other key of a repository, also one that an operator added with restic. Cut off anywhere, doing it again ends it. Sites that are retired, or not backed up any more, are among them as long as their repositories are there.",
  options: [OPTION.env],
  examples: [{ line: "terrace backup key rotate", says: "then export the new one" }],
  async run(input) {
    const [{ backupCommand }, { rotateKey }] = await Promise.all([
      import("../cli/backup-command.ts"),
      import("../../stacks/backup/keys.ts"),
    ]);
    return backupCommand({ ...input, arguments: [] }, "backup key rotate", async (context) => {
      const { sites, left } = await rotateKey(context);
      print(`${sites.length} repositories have another key.`);
      if (left.length > 0) {
        note(
          `warning: ${left.join(", ")}: backed up no longer, and not opened where backups go now. What is stored of them keeps the key that it has: keep the export of that one`,
        );
      }
      print("Next: terrace backup key export --to age1...");
      return EXIT.done;
    });
  },
};

export const key: Command = {
  name: "key",
  summary: "Escrow, bring back or change the key of the repositories",
  examples: exportCommand.examples,
  subcommands: [exportCommand, importCommand, rotateCommand],
};
