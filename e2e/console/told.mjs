// Those who are told: a web service (checked with the standardwebhooks library), a Slack channel, a mail server.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { load, tools } from './house.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

export async function openTold() {
  const { Webhook } = await load('standardwebhooks');
  const secret = `whsec_${Buffer.from('thirty-two bytes of a test secret').toString('base64')}`;
  const checker = new Webhook(secret);
  const told = { secret, webhooks: [], slack: [], mails: [], refused: 0, refuseNext: 1, bad: [] };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      if (request.url === '/slack') {
        told.slack.push(JSON.parse(body));
        return response.end('ok');
      }
      try {
        told.webhooks.push({ id: request.headers['webhook-id'], taken: told.refuseNext === 0, ...checker.verify(body, request.headers) });
      } catch (error) {
        told.bad.push(error.message);
      }
      if (told.refuseNext > 0) {
        told.refuseNext -= 1;
        response.statusCode = 503;
      }
      response.end();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  told.url = `http://127.0.0.1:${server.address().port}`;
  const mailbox = spawn(path.join(tools, 'venv/bin/python'), [path.join(here, 'mailbox.py')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  told.smtp = await new Promise((done) => {
    mailbox.stdout.on('data', (text) => {
      said += text;
      const lines = said.split('\n');
      done(lines[0]);
      told.mails = lines.slice(1).filter(Boolean).map((line) => JSON.parse(line));
    });
  });
  told.close = () => {
    server.close();
    mailbox.kill();
  };
  return told;
}
