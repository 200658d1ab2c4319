// What people do in the console, and what they cannot do.

import { mkdirSync, readFileSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { House, check, finish, load, packageFile, parts, binary, scene, sleep } from './house.mjs';
import { oversee } from './oversee.mjs';
import { openTold } from './told.mjs';
import { atProvider, openProvider } from './provider.mjs';

const axeSource = readFileSync(packageFile('axe-core'), 'utf8');
let provider;
let told;
const house = await House.open(async (house) => {
  provider = await openProvider({ client_id: 'countersign', client_secret: 'for this test only', redirect_uris: [`${house.url}/sign-in/account/back`] });
  const secret = path.join(house.folder, 'oidc-secret');
  writeFileSync(secret, 'for this test only\n', { mode: 0o600 });
  told = await openTold();
  const webhookSecret = path.join(house.folder, 'webhook-secret');
  writeFileSync(webhookSecret, told.secret, { mode: 0o600 });
  const slack = path.join(house.folder, 'slack');
  writeFileSync(slack, `${told.url}/slack\n`, { mode: 0o600 });
  return {
    COUNTERSIGN_NOTIFY_WEBHOOK: `${told.url}/hook`,
    COUNTERSIGN_NOTIFY_WEBHOOK_SECRET_FILE: webhookSecret,
    COUNTERSIGN_NOTIFY_SLACK_FILE: slack,
    COUNTERSIGN_NOTIFY_SMTP: `smtp://127.0.0.1:${told.smtp}`,
    COUNTERSIGN_NOTIFY_MAIL_FROM: 'Countersign <gate@example.org>',
    COUNTERSIGN_NOTIFY_MAIL_TO: 'one@example.org, two@example.org',
    COUNTERSIGN_NOTIFY_PRIVATE_ADDRESSES: 'true',
    COUNTERSIGN_STEP_UP_S: '4',
    COUNTERSIGN_OIDC_ISSUER: provider.issuer,
    COUNTERSIGN_OIDC_NAME: 'the company account',
    COUNTERSIGN_OIDC_CLIENT_ID: 'countersign',
    COUNTERSIGN_OIDC_CLIENT_SECRET_FILE: secret,
    COUNTERSIGN_OIDC_GROUPS: 'money = finance',
    COUNTERSIGN_OIDC_ADD_PEOPLE: 'true',
  };
});
const shots = process.env.SCREENSHOTS;

async function shoot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: path.join(shots, `${name}.png`) });
}

/** Whether a page is accessible, as far as a machine can tell. */
async function accessible(page, name) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
  check(`${name}: axe finds nothing`, violations.length === 0, JSON.stringify(violations.map((one) => [one.id, one.nodes.map((node) => node.html)])));
}

/** What the verifier says, whatever it comes to. */
function verify(file) {
  try {
    return house.run('verify', file);
  } catch (error) {
    return error.stdout;
  }
}

const heading = (page) => page.locator('h1').textContent();
const notice = (page) => page.locator('.notice:visible').first().textContent();

const admin = await house.visitor();
const rhea = await house.visitor();
const tom = await house.visitor();
const agent = house.key('agent', 'agent');
const gateway = house.key('gateway', 'gateway');

await scene('the first admin comes in', async () => {
  const link = /http:\/\/localhost:\d+\/invitation\/\S+/.exec(house.said)?.[0];
  check('serve prints a link for the first admin', Boolean(link), house.said);
  await admin.page.goto(`${house.url}/reviews`);
  check('nobody gets in without signing in', admin.page.url().includes('/sign-in'), admin.page.url());
  await accessible(admin.page, 'sign in');
  await shoot(admin.page, 'sign-in');
  await admin.page.goto(link);
  await accessible(admin.page, 'invitation');
  await admin.page.getByRole('button', { name: 'Make a passkey' }).click();
  await admin.page.waitForURL(`${house.url}/reviews`);
  check('a passkey lets the first admin in', (await heading(admin.page)) === 'Reviews');
  await admin.page.goto(link);
  check('the link works once', (await heading(admin.page)) === 'Not found');
  await admin.page.goto(`${house.url}/reviews`);
  await accessible(admin.page, 'empty queue');
});

async function hire(name, user, groups) {
  const { page } = admin;
  await page.goto(`${house.url}/people`);
  const form = page.locator('section', { has: page.getByRole('heading', { name: 'Add somebody' }) });
  await form.getByLabel('Name').fill(name);
  await form.getByLabel(/User identity/).fill(user);
  for (const group of groups) await form.getByLabel(group, { exact: true }).check();
  await form.getByRole('button', { name: 'Add' }).click();
  await page.locator('section', { has: page.getByRole('heading', { name }) }).getByRole('button', { name: 'Make a sign-in link' }).click();
  return page.locator('.notice code').textContent();
}

await scene('people are added and sign in', async () => {
  const forRhea = await hire('Reviewer One', 'one@example.org', ['finance']);
  const forTom = await hire('Reviewer Two', 'two@example.org', ['finance', 'owners']);
  await accessible(admin.page, 'people');
  await rhea.page.goto(forRhea);
  await rhea.page.getByRole('button', { name: 'Make a passkey' }).click();
  await rhea.page.waitForURL(`${house.url}/reviews`);
  await tom.page.goto(forTom);
  await tom.page.getByLabel(/Password/).fill('four plain words here');
  await tom.page.getByRole('button', { name: /Set the password/ }).click();
  await tom.page.waitForURL(`${house.url}/reviews`);
  await rhea.page.getByRole('button', { name: 'Sign out' }).click();
  await rhea.page.waitForURL(/sign-in/);
  await rhea.page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await rhea.page.waitForURL(`${house.url}/`).catch(() => {});
  await rhea.page.waitForURL(`${house.url}/reviews`);
  check('a passkey signs in, with no name typed', true);
  await tom.page.getByRole('button', { name: 'Sign out' }).click();
  await tom.page.getByLabel('Name or user identity').fill('TWO@example.org ');
  await tom.page.getByLabel('Password').fill('four plain words wrong');
  await tom.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  check('a wrong password does not', (await notice(tom.page)).includes('do not belong together'));
  await tom.page.getByLabel('Name or user identity').fill('two@example.org');
  await tom.page.getByLabel('Password').fill('four plain words here');
  await tom.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await tom.page.waitForURL(`${house.url}/reviews`);
  check('a password signs in', true);
  await tom.page.goto(`${house.url}/people`);
  check('who is no admin changes nobody', (await heading(tom.page)) === 'Forbidden');
  await rhea.page.goto(`${house.url}/account`);
  await accessible(rhea.page, 'account');
});

await scene('an account elsewhere', async () => {
  const enter = async (account) => {
    const visitor = await house.visitor();
    await visitor.page.goto(`${house.url}/sign-in?next=%2Faccount`);
    await visitor.page.getByRole('link', { name: 'Sign in with the company account' }).click();
    await atProvider(visitor.page, account);
    await visitor.page.waitForURL(/localhost/);
    return visitor;
  };
  const people = () => house.json('person', 'list');
  const ida = await enter('ida');
  check('somebody new with a mapped group comes in', ida.page.url() === `${house.url}/account`, `${ida.page.url()} ${await ida.page.locator('main').textContent()} ${provider.log}`);
  const added = people().find((one) => one.name === 'Ida');
  check('as a reviewer of that group alone', added?.groups.join() === 'finance' && added.roles.join() === 'reviewer', JSON.stringify(added));
  await accessible(ida.page, 'account of somebody from elsewhere');
  provider.accounts.ida.groups = ['eng'];
  await (await enter('ida')).context.close();
  check('a group that the provider takes away is gone', people().find((one) => one.name === 'Ida').groups.length === 0);
  const twoish = await enter('twoish');
  check('an address that is not verified is nobody', (await heading(twoish.page)) === 'Forbidden', await twoish.page.locator('main').textContent());
  const two = await enter('two');
  check('a verified address is the person that has it', two.page.url() === `${house.url}/account` && (await two.page.locator('header').textContent()).includes('Reviewer Two'));
  const before = people().find((one) => one.name === 'Reviewer Two').groups;
  check('whose groups follow the provider where it decides', before.join() === 'owners', before.join());
  house.run('person', 'add', '--name', 'Reviewer Two', '--group', 'finance', '--group', 'owners', '--person', people().find((one) => one.name === 'Reviewer Two').person);
  const stranger = await house.visitor();
  await stranger.page.goto(`${house.url}/sign-in/account`);
  await stranger.page.waitForURL(/interaction/);
  const state = (await stranger.context.cookies()).find((one) => one.name === 'countersign-sign-in').value;
  const victim = await house.visitor();
  await victim.page.goto(`${house.url}/sign-in/account/back?state=${state}&code=theirs`);
  check('nobody is signed in by a way back that began elsewhere', (await heading(victim.page)) === 'Invalid', await heading(victim.page));
  for (const { context } of [ida, twoish, two, stranger, victim]) await context.close();
});

await scene('two people make a quorum', async () => {
  const action = await house.propose(agent, 'payments/refund', { amount: 900, order: 'o-17', note: 'The parcel never came.' }, {
    user: { id: 'customer-7' }, intent: 'The customer asked for the money back.',
  });
  await rhea.page.goto(`${house.url}/reviews`);
  await accessible(rhea.page, 'queue');
  await shoot(rhea.page, 'queue');
  await rhea.page.locator('.queue a').first().click();
  await rhea.page.waitForURL(`${house.url}/reviews/${action}`);
  check('the sentence says who wants what', (await heading(rhea.page)).includes('billing on behalf of customer-7 wants to call payments/refund (payment) in default: amount 900.'), await heading(rhea.page));
  check('what the rules looked at is on top', (await rhea.page.locator('dl.deciding').textContent()).includes('/amount'));
  check('the agent\'s claim is marked as such', (await rhea.page.locator('main').textContent()).includes("The agent's own claim about why"));
  await accessible(rhea.page, 'review');
  await shoot(rhea.page, 'review');
  await rhea.page.getByRole('button', { name: 'Approve exactly this', exact: true }).click();
  await rhea.page.waitForURL(`${house.url}/actions/${action}`);
  check('one of two is not enough', (await house.state(agent, action)).state === 'waiting');
  await rhea.page.goto(`${house.url}/reviews/${action}`);
  await rhea.page.getByRole('button', { name: 'Approve exactly this', exact: true }).click();
  check('one person fills one seat', (await notice(rhea.page)).includes('one person fills one seat'));
  await tom.page.goto(`${house.url}/reviews/${action}`);
  await tom.page.getByRole('button', { name: 'Approve exactly this', exact: true }).click();
  await tom.page.waitForURL(`${house.url}/actions/${action}`);
  check('two are', (await house.state(agent, action)).state === 'authorized');
  await house.api(agent, 'POST', `/v1/actions/${action}/start`, { attempt: 'a', payload: { amount: 900, order: 'o-17', note: 'The parcel never came.' } });
  await house.api(agent, 'POST', `/v1/actions/${action}/finish`, { attempt: 'a', outcome: 'succeeded', response: { refund: 're_1' } });
  await tom.page.goto(`${house.url}/actions/${action}`);
  check('the badge says EXACT', (await tom.page.locator('.badges').first().textContent()).includes('EXACT'));
  await accessible(tom.page, 'action');
  for (let tries = 0; tries < 20; tries += 1) {
    await tom.page.getByRole('button', { name: 'Verify in this browser' }).click();
    await tom.page.waitForFunction(() => !document.querySelector('[data-verify]').disabled);
    if ((await tom.page.locator('[data-verify-all]').textContent()).startsWith('PASS')) break;
    await sleep(250);
  }
  const verdict = await tom.page.locator('[data-verify-all]').textContent();
  check('the browser verifies every record', verdict.startsWith('PASS'), verdict);
  await shoot(tom.page, 'action');
  await tom.page.locator('[data-envelope] pre').first().evaluate((pre) => (pre.textContent = pre.textContent.replace('"v":1', '"v":2')));
  await tom.page.getByRole('button', { name: 'Verify in this browser' }).click();
  await tom.page.waitForFunction(() => document.querySelector('[data-verify-all]').textContent.startsWith('FAIL'));
  check('and finds one changed letter', true);
});

await scene('nobody approves their own', async () => {
  const action = await house.propose(agent, 'mail/send', { to: 'a@example.org', text: 'Hello' }, { user: { id: 'ONE@example.org' } });
  await rhea.page.goto(`${house.url}/reviews/${action}`);
  await rhea.page.getByRole('button', { name: 'Approve exactly this', exact: true }).click();
  check('the user behind the action does not approve it', (await notice(rhea.page)).includes('nobody approves an action of their own agent'));
  await tom.page.goto(`${house.url}/reviews/${action}`);
  await tom.page.getByRole('button', { name: 'Deny' }).click();
  check('a denial needs a reason', (await notice(tom.page)).includes('a denial needs a reason'));
  await tom.page.getByLabel('Wrong recipient').check();
  await tom.page.locator('#deny').getByRole('button', { name: 'Deny' }).click();
  await tom.page.waitForURL(`${house.url}/actions/${action}`);
  const state = await house.state(agent, action);
  check('a chip is one', state.state === 'denied', JSON.stringify(state));
});

await scene('a signed approval', async () => {
  const action = await house.propose(agent, 'crm/export', { table: 'customers', rows: 1200 });
  await tom.page.goto(`${house.url}/reviews/${action}`);
  check('who has no passkey is told to add one', (await tom.page.locator('#approve').textContent()).includes('Add a passkey to your account'));
  check('and has no other way to approve', (await tom.page.getByRole('button', { name: 'Approve exactly this', exact: true }).count()) === 0);
  await rhea.page.goto(`${house.url}/reviews/${action}`);
  await rhea.page.getByLabel(/type the value of the tool/).fill('crm/export');
  await rhea.page.getByRole('button', { name: /sign with your passkey/ }).click();
  await rhea.page.waitForURL(`${house.url}/actions/${action}`);
  check('a passkey signs the approval', (await house.state(agent, action)).state === 'authorized');
  const records = await house.api(house.key('auditor', 'auditor'), 'GET', `/v1/actions/${action}/records`);
  const decided = records.body.find((one) => one.type === 'review.decided');
  const { body } = JSON.parse(decided.envelope);
  check('the record says how it was signed', body.signature === 'passkey' && body.meaning === 'approval' && body.authentication.strength === 'multi_factor' && body.separation === 'enforced', decided.envelope);
  const story = path.join(house.folder, 'story.json');
  writeFileSync(story, house.run('--json', 'action', 'story', action));
  const said = verify(story);
  check('the signature verifies offline', said.includes('PASS         signatures     1 answers are signed by passkeys, made at ' + house.url), said);
  const text = (disclosure) => Buffer.from(disclosure, 'base64url').toString();
  const bytes = decided.disclosures.find((one) => /"signature","[A-Za-z0-9_-]+"/.test(text(one)));
  const other = text(bytes).replace(/"signature","(.)/, (_, first) => `"signature","${first === 'A' ? 'B' : 'A'}`);
  const changed = readFileSync(story, 'utf8').replace(bytes, Buffer.from(other).toString('base64url'));
  writeFileSync(story, changed);
  check('another signature does not', verify(story).includes('FAIL'), verify(story));
  const bare = await rhea.page.evaluate(async ([action, csrf]) => {
    const answer = await fetch(`/v1/reviews/${action}/decide`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-csrf-token': csrf }, body: JSON.stringify({ verdict: 'approve', payload_digest: 'A'.repeat(43) }) });
    return answer.status;
  }, [action, await rhea.page.locator('input[name=csrf]').first().inputValue()]);
  check('what is decided is decided', bare >= 400 && bare < 500, bare);
});

await scene('edit, then approve, through to the server', async () => {
  const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
  const { StdioClientTransport } = await load('@modelcontextprotocol/sdk/client/stdio.js');
  const work = path.join(house.folder, 'work');
  mkdirSync(work);
  const client = new Client({ name: 'agent', version: '1' });
  const server = path.join(parts, 'node_modules/@modelcontextprotocol/server-filesystem/dist/index.js');
  await client.connect(new StdioClientTransport({
    command: binary,
    args: ['mcp', '--url', house.url, '--key-file', gateway.file, '--agent', 'billing', '--server', 'files', '--', 'node', server, work],
    stderr: 'ignore',
  }));
  const file = path.join(work, 'letter.txt');
  const call = client.callTool({ name: 'write_file', arguments: { path: file, content: 'Dear customer, you get 9000 back.' } }, undefined, { timeout: 60_000, resetTimeoutOnProgress: true, onprogress: () => {} });
  let waiting;
  for (let tries = 0; tries < 100 && !waiting; tries += 1) {
    await sleep(100);
    await rhea.page.goto(`${house.url}/reviews`);
    waiting = await rhea.page.locator('.queue a', { hasText: 'files/write_file' }).first().getAttribute('href').catch(() => null);
  }
  await rhea.page.goto(`${house.url}${waiting}`);
  await rhea.page.getByText('Change the payload, then approve').click();
  const area = rhea.page.locator('textarea[name=payload]');
  const said = await rhea.page.locator('main').textContent();
  check('what the tool says of itself is shown', said.includes('What the tool says of itself') && /overwrite/i.test(said), said.slice(-1500));
  check('the lines of the editor are numbered', (await rhea.page.locator('[data-numbers]').textContent()).startsWith('1\n2\n3'));
  const written = await area.inputValue();
  await area.fill(written.replace(/"Dear customer[^"]*"/, '7'));
  await rhea.page.getByRole('button', { name: 'Look at the change' }).click();
  check('what does not fit the tool is told', /\/arguments\/content: 7 is not of type/.test(await rhea.page.locator('main').textContent()), await rhea.page.locator('main').textContent());
  await rhea.page.getByRole('button', { name: 'Back, without changing anything' }).click();
  await rhea.page.getByText('Change the payload, then approve').click();
  await area.fill((await area.inputValue()).replace('9000', '90'));
  await rhea.page.getByRole('button', { name: 'Look at the change' }).click();
  const change = await rhea.page.locator('table.changes').textContent();
  check('the change is shown element by element', change.includes('/arguments/content') && change.includes('9000 back') && change.includes('90 back'), change);
  await accessible(rhea.page, 'edit');
  await rhea.page.getByRole('button', { name: 'Approve the changed payload', exact: true }).click();
  await rhea.page.waitForURL(/\/actions\//);
  const answer = await call;
  check('the call that was held goes through', answer.isError !== true, JSON.stringify(answer));
  check('with the edited bytes', existsSync(file) && readFileSync(file, 'utf8') === 'Dear customer, you get 90 back.');
  await rhea.page.reload();
  check('the badge says EDITED', (await rhea.page.locator('.badges').first().textContent()).includes('EDITED'));
  await client.close();
});

await scene('a final rule cannot be edited around', async () => {
  const action = await house.propose(agent, 'payments/refund', { amount: 700 });
  await rhea.page.goto(`${house.url}/reviews/${action}`);
  await rhea.page.getByText('Change the payload, then approve').click();
  await rhea.page.locator('textarea[name=payload]').fill('{"amount": 60000}');
  await rhea.page.getByRole('button', { name: 'Look at the change' }).click();
  await rhea.page.getByRole('button', { name: 'Approve the changed payload', exact: true }).click();
  await rhea.page.waitForURL(/\/actions\//);
  check('policy denies the edited payload', (await house.state(agent, action)).state === 'denied');
});

await scene('time runs out on an open page', async () => {
  const action = await house.propose(agent, 'mail/quick', { to: 'a@example.org' });
  await tom.page.goto(`${house.url}/reviews/${action}`);
  await sleep(2_600);
  await tom.page.reload();
  const why = await tom.page.locator('main').textContent();
  check('it has escalated to the owners', why.includes('finance, owners'), why);
  await sleep(2_500);
  check('the page says that time is up', (await tom.page.locator('.until').first().textContent()) === 'time is up');
  await tom.page.getByRole('button', { name: 'Approve exactly this', exact: true }).click();
  await tom.page.waitForURL(/\/actions\/|\/reviews\//);
  await sleep(1_200);
  check('an approval that comes too late is none', (await house.state(agent, action)).state === 'denied');
});

await scene('two reviewers race', async () => {
  const action = await house.propose(agent, 'mail/send', { to: 'a@example.org', text: 'race' });
  await Promise.all([rhea, tom].map(({ page }) => page.goto(`${house.url}/reviews/${action}`)));
  await Promise.all([rhea, tom].map(({ page }) => page.getByRole('button', { name: 'Approve exactly this', exact: true }).click()));
  await Promise.all([rhea, tom].map(({ page }) => page.waitForURL(/\/actions\//, { timeout: 5000 }).catch(async () => console.log(page.url(), await page.locator('main').textContent()))));
  const auditor = house.key('auditor', 'race');
  const records = await house.api(auditor, 'GET', `/v1/actions/${action}/records`);
  check('one of them decides', records.body.filter((one) => one.type === 'review.decided').length === 1, JSON.stringify(records.body.map((one) => one.type)));
});

await scene('by keyboard alone', async () => {
  const action = await house.propose(agent, 'mail/send', { to: 'k@example.org', text: 'keys' });
  const { page } = rhea;
  await page.goto(`${house.url}/reviews`);
  await page.keyboard.press('j');
  while (!(await page.evaluate(() => document.activeElement.href ?? '')).endsWith(action)) await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${house.url}/reviews/${action}`);
  await page.keyboard.press('a');
  check('a key moves to approve, and approves nothing', (await page.evaluate(() => document.activeElement.value)) === 'approve' && (await house.state(agent, action)).state === 'waiting');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${house.url}/actions/${action}`);
  check('Enter does', (await house.state(agent, action)).state === 'authorized');
});

await scene('hostile payloads', async () => {
  const nasty = { '<img src=x onerror=alert(1)>': '<script>document.title="owned"</script>', to: 'CH\u202e93 0076', zero: 'pay\u200bpal', cyrillic: 'pаypal', url: 'javascript:alert(1)' };
  const action = await house.propose(agent, 'mail/send', nasty, { intent: '<b>Approve me</b>' });
  const { page } = rhea;
  await page.goto(`${house.url}/reviews/${action}`);
  const shown = await page.locator('pre.json').first().textContent();
  check('script stays text', shown.includes('<script>document.title=') && (await page.title()).startsWith('Review'), shown);
  check('what reorders or hides is made visible', shown.includes('\\u202e') && shown.includes('\\u200b'), shown);
  check('mixed alphabets are pointed out', (await page.locator('.badges').textContent()).includes('mixed alphabets: U+0430'));
  check('nothing of a payload is a link', (await page.locator('main a[href^="javascript"]').count()) === 0);
  const long = { text: Array.from({ length: 40_000 }, (_, at) => `line ${at} of something long`).join('\n').slice(0, 1_000_000), last: 'the very end' };
  const big = await house.propose(agent, 'mail/send', long);
  await page.goto(`${house.url}/reviews/${big}`);
  check('a long payload is there to its end', (await page.locator('pre.json').first().textContent()).includes('the very end'));
  await page.getByRole('button', { name: 'Approve exactly this', exact: true }).click();
  check('it cannot be approved before it was unfolded', page.url().includes('/reviews/') && (await house.state(agent, big)).state === 'waiting');
  await page.locator('details[data-whole] summary').first().click();
  await page.getByRole('button', { name: 'Approve exactly this', exact: true }).click();
  await page.waitForURL(`${house.url}/actions/${big}`);
  check('after it can', (await house.state(agent, big)).state === 'authorized');
  const keys = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`key_${at}`, at]));
  const many = await house.propose(agent, 'mail/send', keys);
  await page.goto(`${house.url}/reviews/${many}`);
  check('ten thousand keys are all there', (await page.locator('pre.json').first().textContent()).includes('"key_9999": 9999'));
});

await scene('other sites and thieves', async () => {
  const action = await house.propose(agent, 'mail/send', { to: 'x@example.org', text: 'csrf' });
  const cookie = (await tom.context.cookies()).find((one) => one.name === 'countersign');
  check('the cookie is HttpOnly and SameSite', cookie.httpOnly && cookie.sameSite === 'Lax', JSON.stringify(cookie));
  await tom.page.goto(`${house.url}/reviews/${action}`);
  const form = await tom.page.evaluate(() => Object.fromEntries(new FormData(document.querySelector('#approve'))));
  const post = (headers, fields) =>
    fetch(`${house.url}/reviews/${action}`, { method: 'POST', redirect: 'manual', headers: { cookie: `countersign=${cookie.value}`, ...headers }, body: new URLSearchParams({ ...form, verdict: 'approve', ...fields }) });
  const tried = {
    'another origin': await post({ origin: 'https://evil.example' }, {}),
    'no origin at all': await post({}, {}),
    'another site': await post({ 'sec-fetch-site': 'cross-site' }, {}),
    'no token': await post({ origin: house.url }, { csrf: '' }),
    'a wrong token': await post({ origin: house.url }, { csrf: form.csrf.slice(0, -1) + (form.csrf.endsWith('A') ? 'B' : 'A') }),
  };
  for (const [name, answer] of Object.entries(tried)) check(`a form with ${name} is refused`, answer.status === 403, answer.status);
  const asJson = await fetch(`${house.url}/v1/reviews/${action}/decide`, { method: 'POST', headers: { cookie: `countersign=${cookie.value}`, origin: house.url, 'content-type': 'application/json' }, body: JSON.stringify({ verdict: 'approve', payload_digest: form.payload_digest }) });
  check('so is the API without the token', asJson.status === 403, asJson.status);
  check('nothing was decided', (await house.state(agent, action)).state === 'waiting');
  const framed = await fetch(`${house.url}/sign-in`);
  check('no other site may frame a page', framed.headers.get('content-security-policy').includes("frame-ancestors 'none'"));
  const session = house.json('session', 'list').find((one) => one.method === 'password');
  house.run('session', 'end', session.session);
  await tom.page.goto(`${house.url}/reviews`);
  check('a session that is ended is over at once', tom.page.url().includes('/sign-in'), tom.page.url());
  const stolen = await fetch(`${house.url}/reviews`, { headers: { cookie: `countersign=${cookie.value}` }, redirect: 'manual' });
  check('also for who has stolen it', stolen.status === 303);
});

await scene('pages are live', async () => {
  const { page } = rhea;
  await page.goto(`${house.url}/reviews`);
  await page.waitForFunction(() => document.documentElement.dataset.following === 'yes');
  const before = await page.locator('.queue li').count();
  const action = await house.propose(agent, 'mail/send', { to: 'l@example.org', text: 'live' });
  await page.waitForFunction((before) => document.querySelectorAll('.queue li').length === before + 1, before, { timeout: 10_000 });
  check('what is new appears in the queue by itself', true);
  await page.goto(`${house.url}/reviews/${action}`);
  await page.locator('#deny input[name=reason]').fill('half a sentence');
  await house.stop();
  await house.serve();
  await house.api(agent, 'POST', `/v1/actions/${action}/cancel`, {});
  await page.locator('[data-live-notice]:visible').waitFor({ timeout: 20_000 });
  check('after the server was away too, a page says that more has happened', true);
  check('and keeps what was typed', (await page.locator('#deny input[name=reason]').inputValue()) === 'half a sentence');
});

await scene('a question, a hand-over, and identical reviews', async () => {
  const { page } = rhea;
  const action = await house.propose(agent, 'payments/refund', { amount: 702, order: 'o-72' });
  await page.goto(`${house.url}/reviews/${action}`);
  await page.getByText("Ask the agent's side first").click();
  await page.getByLabel(/Your question/).fill('Which parcel was it?');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await page.waitForURL(`${house.url}/reviews/${action}`);
  const view = await house.state(agent, action);
  check("the agent's side is asked", view.review.questions[0].text === 'Which parcel was it?' && view.message.includes('Which parcel'), JSON.stringify(view));
  await house.api(agent, 'POST', `/v1/actions/${action}/answer`, { answer: 'The blue one.' });
  await page.goto(`${house.url}/reviews/${action}`);
  check('and its answer is shown as a claim', (await page.locator('dd.claim').allTextContents()).some((text) => text.includes('The blue one.')));
  await accessible(page, 'review with a question');
  await page.getByText('Hand it over').click();
  await page.getByLabel(/who may decide it too/).selectOption({ label: 'Reviewer Two' });
  await page.getByLabel('Note (optional)').last().fill('You know them.');
  await page.getByRole('button', { name: 'Hand over', exact: true }).click();
  await page.goto(`${house.url}/reviews`);
  check('the queue says so', (await page.locator(`.queue a[href="/reviews/${action}"]`).textContent()).includes('handed over'));
  const alike = [];
  for (let number = 0; number < 3; number += 1) alike.push(await house.propose(agent, 'mail/send', { to: 'all@example.org', text: 'the same' }, { intent: `reason ${number}` }));
  await page.goto(`${house.url}/reviews/${alike[0]}`);
  await page.getByRole('link', { name: 'Look at all of them' }).click();
  check('identical ones are shown together, with what differs', (await page.locator('main').textContent()).includes('reason 2'));
  await accessible(page, 'identical reviews');
  await page.getByRole('button', { name: 'Approve all 3' }).click();
  await page.waitForURL(`${house.url}/reviews`);
  const states = await Promise.all(alike.map((one) => house.state(agent, one)));
  check('and approved together, each by itself', states.every((one) => one.state === 'authorized'), JSON.stringify(states));
});

await scene('high risk asks again who it is', async () => {
  const { page } = rhea;
  const action = await house.propose(agent, 'payments/refund', { amount: 20001, order: 'o-99' });
  await sleep(4500);
  const approve = async () => {
    await page.goto(`${house.url}/reviews/${action}`);
    await page.getByLabel(/type the value of/).fill('20001');
    await page.getByRole('button', { name: 'Approve exactly this', exact: true }).click();
  };
  await approve();
  await page.waitForURL(/\/confirm/);
  check('an old session does not approve high risk', (await house.state(agent, action)).state === 'waiting' && (await heading(page)) === 'Is it still you?');
  await accessible(page, 'confirm');
  const before = (await rhea.context.cookies()).find((one) => one.name === 'countersign').value;
  await page.getByRole('button', { name: 'Confirm with your passkey' }).click();
  await page.waitForURL(`${house.url}/reviews/${action}`);
  check('the session goes on under another token', (await rhea.context.cookies()).find((one) => one.name === 'countersign').value !== before);
  await approve();
  await page.waitForURL(`${house.url}/actions/${action}`);
  const records = await house.api(house.key('auditor', 'auditor-2'), 'GET', `/v1/actions/${action}/records`);
  check('then it does', records.body.some((one) => one.type === 'review.decided'));
  const stale = await fetch(`${house.url}/reviews`, { headers: { cookie: `countersign=${before}` }, redirect: 'manual' });
  check('and the old token is nobody', stale.status === 303);
});

await scene('people and systems are told', async () => {
  const until = async (holds) => {
    for (let tries = 0; tries < 100 && !holds(); tries += 1) await sleep(100);
    return holds();
  };
  const action = await house.propose(agent, 'payments/refund', { amount: 703, order: 'not to be told' });
  const of = (kind) => told.webhooks.filter((one) => one.data.action === action && one.type === kind);
  check('a web service hears what waits', await until(() => of('review.waiting').length > 0), JSON.stringify(told.webhooks.slice(-2)));
  check('each message is signed as Standard Webhooks says', told.bad.length === 0, told.bad);
  const [first] = told.webhooks;
  check('what it did not take it hears again, under the same id', !first.taken && told.webhooks.filter((one) => one.id === first.id).length === 2, JSON.stringify(first));
  check('a sentence and a link that decides nothing', of('review.waiting')[0].data.sentence.includes('waits for finance') && of('review.waiting')[0].data.link === `${house.url}/reviews/${action}`, JSON.stringify(of('review.waiting')));
  check('a channel hears it', await until(() => told.slack.some((one) => one.text.includes(action))));
  check('people hear it by mail', await until(() => told.mails.some((one) => one.text.includes(action) && one.to.includes('two@example.org'))), JSON.stringify(told.mails.slice(-1)));
  check('nobody hears anything of a payload', !JSON.stringify([told.webhooks, told.slack, told.mails]).includes('not to be told'));
  await house.stop();
  await house.serve();
  await house.api(agent, 'POST', `/v1/actions/${action}/cancel`, {});
  const second = await house.propose(agent, 'payments/refund', { amount: 704, order: 'o' });
  await rhea.page.goto(`${house.url}/reviews/${second}`);
  await rhea.page.locator('input[name=chip]').first().check();
  await rhea.page.getByRole('button', { name: 'Deny', exact: true }).click();
  const outcome = () => told.webhooks.find((one) => one.data.action === second && one.type === 'review.denied');
  check("the requester's side hears what came of it", (await until(() => outcome())) && outcome().data.request_id.startsWith('r'), JSON.stringify(told.webhooks.slice(-2)));
  const twice = told.webhooks.filter((one) => one.taken).map((one) => one.id);
  check('after a restart nothing is told twice', new Set(twice).size === twice.length);
});

await scene('many open pages', async () => {
  const pages = [];
  for (let number = 0; number < 8; number += 1) {
    const page = await rhea.context.newPage();
    await page.goto(`${house.url}/reviews`, { timeout: 10_000 });
    pages.push(page);
  }
  check('the eighth open page answers as the first', (await heading(pages.at(-1))) === 'Reviews');
  const card = '.queue a.card';
  const before = await pages[0].locator(card).count();
  await house.propose(agent, 'payments/refund', { amount: 701, order: 'o-71' });
  const drawn = pages.map((page) => page.waitForFunction(([card, before]) => document.querySelectorAll(card).length > before, [card, before], { timeout: 5000 }));
  check('and all of them follow', (await Promise.all(drawn)).length === 8);
  for (const page of pages) await page.close();
});

await scene('the explorer', async () => {
  const { page } = rhea;
  await page.goto(`${house.url}/actions`);
  await accessible(page, 'explorer');
  await page.getByRole('searchbox').fill('agent:billing tool:payments/* state:succeeded');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=agent/);
  check('one search box finds it', (await page.locator('table.rows tbody tr').count()) === 1);
  await shoot(page, 'explorer');
  const told = house.json('action', 'list', 'agent:billing tool:payments/* state:succeeded');
  check('the command line finds the same by the same words', told.actions.length === 1, JSON.stringify(told));
  await page.getByRole('link', { name: /Without state:succeeded/ }).click();
  check('a chip widens the question', (await page.locator('table.rows tbody tr').count()) >= 2);
  await house.propose(agent, 'files/list_allowed_directories', {}, { correlation: { session_id: 'run-7' }, resource: { type: 'file', id: '=HYPERLINK("x")' } });
  const held = await house.propose(agent, 'payments/refund', { amount: 705, order: 'o' }, { correlation: { session_id: 'run-7' } });
  await page.goto(`${house.url}/actions`);
  await accessible(page, 'explorer with its overview');
  const bar = page.locator('svg.histogram a').first();
  check('the histogram says how many and from when', /^\d+ from \d{4}-/.test(await bar.getAttribute('aria-label')), await bar.getAttribute('aria-label'));
  await bar.click();
  await page.waitForURL(/since/);
  check('a bar asks for its stretch of time alone', /since/.test(page.url()) && /until/.test(page.url()) && (await page.locator('table.rows a.row').count()) >= 1);
  await page.goto(`${house.url}/actions`);
  await page.getByText('What they have in common').click();
  await page.locator('.facets a', { hasText: 'payments/refund' }).click();
  check('a facet narrows the question', decodeURIComponent(page.url()).endsWith('q=tool:payments/refund'), page.url());
  const fetched = (format, q) => page.evaluate(async (place) => (await fetch(place)).text(), `/actions/export?format=${format}&q=${encodeURIComponent(q)}`);
  const csv = await fetched('csv', 'session:run-7');
  check('what is found comes as CSV, times in UTC', csv.startsWith('time_utc,action,agent,') && csv.trimEnd().split('\r\n').length === 3, csv);
  check('and no cell of it is a formula', csv.includes(`"'=HYPERLINK(""x"")"`), csv);
  const all = (await fetched('jsonl', '')).trimEnd().split('\n').map(JSON.parse);
  check('and as JSON Lines, all of it', all.length > 15 && new Set(all.map((one) => one.action)).size === all.length, all.length);
  await page.goto(`${house.url}/actions/${held}`);
  await page.getByRole('link', { name: 'this session' }).click();
  check('a session is told as one story', (await page.locator('ol.timeline > li').count()) === 2 && (await page.locator('main').textContent()).includes('Agent billing wanted to call payments/refund'));
  await accessible(page, 'session');
  await page.goto(`${house.url}/actions?q=agnt:x`);
  check('a wrong key is explained', (await notice(page)).includes('"agnt" is not known'));
  await page.goto(`${house.url}/resolve?id=r1`);
  check('any id leads to its action', page.url().includes('/actions/'), page.url());
  for (const [place, name] of [['/policies', 'policies'], ['/log', 'log']]) {
    await page.goto(`${house.url}${place}`);
    await accessible(page, name);
  }
  await page.goto(`${house.url}/policies`);
  await page.locator('main ul.plain a').first().click();
  check('the policy in force can be read', (await page.locator('main').textContent()).includes('@id("refunds-large")'));
  await page.goto(`${house.url}/policies/try`);
  await page.getByLabel('Tool, as server/tool').fill('payments/refund');
  await page.getByLabel('Payload').fill('{"amount": 900}');
  await page.getByRole('button', { name: 'Ask policy' }).click();
  const verdict = await page.locator('section.card').textContent();
  check('what policy would decide is told', verdict.includes('review') && verdict.includes('2 of finance would be asked by refunds-large'), verdict);
  await accessible(page, 'try a request');
  await page.getByLabel('Payload').fill('{"amount": 1, "amount": 2}');
  await page.getByRole('button', { name: 'Ask policy' }).click();
  check('in the words of the API where it does not read', (await notice(page)).includes('amount'), await notice(page));
  await page.goto(`${house.url}/actions/019b7c00-0000-7000-8000-000000000001`);
  check('what does not exist is not found', (await heading(page)) === 'Not found');
});

await oversee({ house, admin, rhea, agent, accessible, shoot, heading, notice });

await scene('every page, as a machine sees it', async () => {
  const source = readFileSync(new URL('../../crates/console/src/router.rs', import.meta.url), 'utf8');
  const waiting = await house.propose(agent, 'payments/refund', { amount: 710, order: 'o-19' }, { correlation: { session_id: 'run-8' } });
  const done = await house.propose(agent, 'payments/refund', { amount: 2 });
  const version = house.json('policy', 'list')[0].version;
  // Those with a token in them were looked at where the token was; an export and an asset are no pages.
  const places = [...source.matchAll(/get \("([^"]+)"/g)].map(([, place]) => place).filter((place) => !/\{token\}|\{name\}|export|\/account\/?b|resolve|next$/.test(place));
  check('the table of pages is read', places.length >= 20, places);
  for (const place of places) {
    const action = place.startsWith('/reviews') ? waiting : done;
    const query = place === '/session' ? '?session=run-8' : '';
    if (place === '/sign-in/account') continue;
    await admin.page.goto(house.url + place.replace('{action}', action).replace('{version}', version) + query);
    await accessible(admin.page, place);
  }
  await house.api(agent, 'POST', `/v1/actions/${waiting}/cancel`, {});
});

await scene('on a phone, in the dark', async () => {
  const phone = await house.visitor({ viewport: { width: 390, height: 844 }, colorScheme: 'dark', isMobile: true });
  await phone.context.addCookies(await rhea.context.cookies());
  const action = await house.propose(agent, 'payments/refund', { amount: 650, order: 'o-18', account: 'CH93 0076 2011 6238 5295 7' });
  await phone.page.goto(`${house.url}/reviews/${action}`);
  const wide = await phone.page.evaluate(() => document.documentElement.scrollWidth);
  check('nothing is wider than the phone', wide <= 390, wide);
  await accessible(phone.page, 'review on a phone in the dark');
  await shoot(phone.page, 'phone');
  await phone.page.goto(`${house.url}/actions`);
  check('nor in the explorer', (await phone.page.evaluate(() => document.documentElement.scrollWidth)) <= 390);
});

await scene('sessions outlive the server', async () => {
  await house.stop();
  await house.serve();
  await rhea.page.goto(`${house.url}/reviews`);
  check('who was signed in still is', (await heading(rhea.page)) === 'Reviews');
  check('and the link for a first admin is not offered again', !house.said.includes('/invitation/'));
  await house.stop();
  const verdict = house.run('verify', path.join(house.data, 'published'), '--trust', path.join(house.data, 'trust'));
  check('the evidence of all that verifies', verdict.trimEnd().endsWith('PASS'), verdict);
  await house.serve();
});

await house.close();
told.close();
provider.close();
finish();
