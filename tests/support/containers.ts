import type Dockerode from "dockerode";

/** How a program in a container ended; both streams together. */
export interface Ran {
  code: number;
  output: string;
}

/** Runs a program in a container that runs. */
export async function inContainer(container: Dockerode.Container, command: string[]): Promise<Ran> {
  const exec = await container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true, Tty: true });
  const output = await read(await exec.start({ Tty: true }));
  return { code: (await exec.inspect()).ExitCode ?? -1, output };
}

/** Runs a container to its end and removes it. */
export async function runOnce(docker: Dockerode, options: Dockerode.ContainerCreateOptions): Promise<Ran> {
  const container = await docker.createContainer({ ...options, Tty: true });
  try {
    const stream = await container.attach({ stream: true, stdout: true, stderr: true });
    const output = read(stream);
    await container.start();
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    return { code: StatusCode, output: await output };
  } finally {
    await container.remove({ force: true });
  }
}

function read(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    stream.setEncoding("utf8");
    stream.on("data", (piece: string) => {
      text += piece;
    });
    stream.on("end", () => resolve(text)).on("error", reject);
  });
}
