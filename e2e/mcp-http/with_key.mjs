// Passes everything on to TARGET with a bearer key, and nothing else changed: for clients that cannot send one.
// Prints its port once it listens.

import { createServer, request } from "node:http";

const target = new URL(process.env.TARGET);
const server = createServer((asked, answer) => {
  const headers = { ...asked.headers, authorization: `Bearer ${process.env.KEY}` };
  const passed = request({ hostname: target.hostname, port: target.port, path: asked.url, method: asked.method, headers });
  passed.on("response", (response) => {
    answer.writeHead(response.statusCode, response.headers);
    response.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  answer.on("close", () => passed.destroy());
  asked.pipe(passed);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
