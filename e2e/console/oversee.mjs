// What people see of how it goes: oversight, what is approved in advance, kept views, policies, settings, the log; and that
// auditors' looking is itself on record.

import path from 'node:path';
import { check, scene, sleep } from './house.mjs';

export async function oversee({ house, admin, rhea, agent, accessible, shoot, heading, notice }) {
  const { page } = rhea;
  const main = () => page.locator('main').textContent();

  await scene('what is approved in advance', async () => {
    const message = { to: 'team@example.org', text: 'The nightly report is ready.' };
    const example = await house.propose(agent, 'mail/send', message);
    await page.goto(`${house.url}/reviews/${example}`);
    await page.getByText('Approve the like of it in advance').click();
    await accessible(page, 'a review with the form for advance');
    await page.getByLabel('How often').fill('2');
    await page.getByLabel('Why').fill('The same report every night.');
    await page.getByRole('button', { name: 'Approve in advance' }).click();
    // Its session may be too old for that: it proves again who it is, and says it again.
    if (page.url().includes('/confirm')) {
      await page.getByRole('button', { name: /passkey/ }).click();
      await page.waitForURL(`${house.url}/reviews/${example}`);
      await page.getByText('Approve the like of it in advance').click();
      await page.getByLabel('How often').fill('2');
      await page.getByLabel('Why').fill('The same report every night.');
      await page.getByRole('button', { name: 'Approve in advance' }).click();
    }
    await page.waitForURL(`${house.url}/reviews/${example}`);
    check('the example itself still waits', (await house.state(agent, example)).state === 'waiting');
    const first = await house.propose(agent, 'mail/send', message);
    check('the same again goes ahead', (await house.state(agent, first)).state === 'authorized');
    const other = await house.propose(agent, 'mail/send', { ...message, to: 'press@example.org' });
    check('another payload waits', (await house.state(agent, other)).state === 'waiting');
    await page.goto(`${house.url}/actions/${first}`);
    check('the action says that nobody looked', (await main()).includes('Nobody looked at this one'));
    await page.goto(`${house.url}/standing`);
    check('it is listed with its use', (await main()).includes('1 of 2 uses'), await main());
    await accessible(page, 'approved in advance');
    await page.getByRole('button', { name: 'Revoke' }).first().click();
    await page.waitForURL(`${house.url}/standing`);
    check('who granted it ends it', (await main()).includes('revoked'));
    const later = await house.propose(agent, 'mail/send', message);
    check('and nothing goes ahead by it any more', (await house.state(agent, later)).state === 'waiting');
    check('the command lists it too', house.json('review', 'standing', 'list')[0].used === 1);
    for (const waiting of [example, other, later]) await house.api(agent, 'POST', `/v1/actions/${waiting}/cancel`, {});
  });

  await scene('one key leads to the next review', async () => {
    const [one, two] = [await house.propose(agent, 'mail/send', { to: 'a' }), await house.propose(agent, 'mail/send', { to: 'b' })];
    await page.goto(`${house.url}/reviews/${one}`);
    await page.keyboard.press('n');
    await page.waitForURL((url) => url.pathname !== `/reviews/${one}`);
    check('n goes to another one', page.url().includes('/reviews/'), page.url());
    for (const waiting of [one, two]) await house.api(agent, 'POST', `/v1/actions/${waiting}/cancel`, {});
  });

  await scene('oversight', async () => {
    await page.goto(`${house.url}/oversight`);
    const told = await main();
    check('it counts from the records', /Approved\d+ of \d+ \(\d+%\)/.test(told) && told.includes('were approved within a week'), told.slice(0, 900));
    check('each plot has a table behind it', (await page.locator('svg.plot').count()) === (await page.locator('figure details table').count()) && (await page.locator('svg.plot').count()) >= 4);
    check('who only reviews sees its own load alone', (await page.locator('figure', { has: page.locator('.heat') }).locator('tbody tr').count()) === 1);
    for (const details of await page.locator('figure details summary').all()) await details.click();
    await accessible(page, 'oversight with its tables');
    await admin.page.goto(`${house.url}/oversight?since=7d`);
    check('an admin sees everybody', (await admin.page.locator('figure', { has: admin.page.locator('.heat') }).locator('tbody tr').count()) >= 2);
    await shoot(admin.page, 'oversight');
    const view = house.json('review', 'metrics', '--since', '7d');
    check('the command says the same', view.ends.reviews > 10 && view.reviewers.length >= 2 && told.includes('Reviews that people were asked in'), JSON.stringify(view.ends));
    const metrics = await (await fetch(`${house.url}/metrics`)).text();
    check('and so do the metrics', metrics.includes(`countersign_reviews_last_day{end="approved"} ${view.ends.approved}`), metrics.split('\n').filter((line) => line.includes('reviews_last_day')).join('\n'));
    await page.goto(`${house.url}/oversight?since=yesterday`);
    check('a span that does not read is refused', (await notice(page)).includes('since: 7d, 24h'), await notice(page));
  });

  await scene('the explorer leaves out, follows, keeps', async () => {
    await page.goto(`${house.url}/actions?q=agent:billing`);
    const before = await page.locator('table.rows tbody tr').count();
    await page.getByRole('link', { name: 'Leave out tool payments/refund' }).first().click();
    await page.waitForURL((url) => decodeURIComponent(url.href).includes('-tool'));
    const rows = await page.locator('table.rows tbody tr').allTextContents();
    check('a minus leaves out', rows.length > 0 && before > 0 && rows.every((row) => !row.includes('payments/refund')), page.url());
    check('the window that was searched is told', (await main()).includes('nothing older is kept here'));
    await page.getByText('Columns', { exact: true }).click();
    await page.getByLabel(/Any of tool/).fill('resource,tool,category');
    await page.getByRole('button', { name: 'Show these' }).click();
    check('columns are chosen', (await page.locator('table.rows th').allTextContents()).join() === 'When,Tool,Category,Resource');
    await page.getByText('Your views').click();
    await page.getByLabel(/Keep this question/).fill('Not refunds');
    await page.getByRole('button', { name: 'Keep' }).click();
    await page.goto(`${house.url}/actions`);
    await page.getByRole('link', { name: 'Not refunds' }).click();
    check('a kept view asks the same again', decodeURIComponent(page.url()).includes('-tool:payments/refund') && page.url().includes('cols='), page.url());
    await accessible(page, 'explorer with a kept view');
    await admin.page.goto(`${house.url}/actions`);
    check('and is nobody else\'s', (await admin.page.getByRole('link', { name: 'Not refunds' }).count()) === 0);
    await page.getByRole('button', { name: 'Remove the view Not refunds' }).click();
    await page.waitForURL(`${house.url}/actions`);
    check('it is kept until it is removed', (await page.getByRole('link', { name: 'Not refunds' }).count()) === 0);
    const bars = page.locator('svg.histogram a rect');
    check('there is a stretch to choose', (await bars.count()) >= 2);
    const [from, to] = [await bars.first().boundingBox(), await bars.last().boundingBox()];
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/since/);
    const asked = new URL(page.url()).searchParams.get('q');
    const [since, until] = [/since:"([^"]+)"/.exec(asked)?.[1], /until:"([^"]+)"/.exec(asked)?.[1]];
    const [firstBar, lastBar] = [await page.locator('table.rows time').last().getAttribute('datetime'), await page.locator('table.rows time').first().getAttribute('datetime')];
    check('dragging over the histogram asks for the stretch between', since < until && since <= firstBar && lastBar < until && Date.parse(until) - Date.parse(since) > 5_000, asked);
    await page.goto(`${house.url}/actions`);
    await page.getByRole('link', { name: 'Follow live' }).click();
    await page.waitForFunction(() => document.documentElement.dataset.following === 'yes');
    const fresh = await house.propose(agent, 'files/read_text_file', { path: 'live.txt' });
    await page.locator(`a[href="/actions/${fresh}"]`).waitFor({ timeout: 10_000 });
    check('what happens comes in by itself', true);
    await page.getByRole('button', { name: 'Pause' }).click();
    const hidden = await house.propose(agent, 'files/read_text_file', { path: 'paused.txt' });
    await page.getByText('Paused: 1 new, go on').waitFor({ timeout: 10_000 });
    check('a paused page counts and stands still', (await page.locator(`a[href="/actions/${hidden}"]`).count()) === 0);
    await page.getByText('Paused: 1 new, go on').click();
    await page.locator(`a[href="/actions/${hidden}"]`).waitFor({ timeout: 10_000 });
    check('and goes on', true);
  });

  await scene('policies, settings, the log', async () => {
    await house.propose(agent, 'shell/run', { command: 'ls' }).catch(() => {});
    await page.goto(`${house.url}/policies`);
    check('tools that no rule covers are told', (await page.locator('table.changes').textContent()).includes('shell/run'), await main());
    await accessible(page, 'policies with a gap');
    await page.getByRole('link', { name: /tests passed/ }).first().click();
    check('the tests of a policy are run', (await main()).includes('a large one needs two of finance') && (await main()).includes('pass, run just now'), await main());
    await accessible(page, 'policy tests');
    house.run('log', 'fsck', path.join(house.data, 'published'), '--growing');
    await page.goto(`${house.url}/log`);
    check('the last check of the files is told', /Files last checked.*integrity PASS/s.test(await main()), await main());
    await page.goto(`${house.url}/settings`);
    check('settings are for admins', (await heading(page)) === 'Forbidden');
    const settings = admin.page;
    await settings.goto(`${house.url}/settings`);
    const said = await settings.locator('main').textContent();
    check('groups, keys and who is told', said.includes('finance') && said.includes('a webhook at 127.0.0.1') && said.includes('e-mail to one@example.org'), said);
    await accessible(settings, 'settings');
    await settings.getByLabel('Label').fill('nightly job');
    await settings.getByLabel(/Only these agents/).fill('reporter');
    await settings.getByRole('button', { name: 'Make it' }).click();
    const secret = await settings.locator('.notice code').textContent();
    const made = await house.api({ secret }, 'POST', '/v1/actions', { request_id: 'k1', agent: { id: 'reporter' }, tool: { server: 'files', name: 'read_text_file' }, payload: {} });
    check('a key that is made there works', made.status === 201 || made.status === 200, JSON.stringify(made));
    await settings.goto(`${house.url}/settings`);
    await settings.getByRole('button', { name: 'Revoke nightly job' }).click();
    await settings.waitForURL(`${house.url}/settings`);
    const refused = await house.api({ secret }, 'POST', '/v1/actions', { request_id: 'k2', agent: { id: 'reporter' }, tool: { server: 'files', name: 'read_text_file' }, payload: {} });
    check('until it is revoked', refused.status === 401, JSON.stringify(refused));
  });

  await scene('an auditor looks, and that is on record', async () => {
    const person = house.json('person', 'add', '--name', 'Auditor', '--role', 'auditor').person;
    const { link } = house.json('person', 'invite', person);
    const auditor = await house.visitor();
    await auditor.page.goto(link);
    await auditor.page.getByRole('button', { name: 'Make a passkey' }).click();
    await auditor.page.waitForURL((url) => !url.pathname.includes('invitation'));
    const action = (await house.api(agent, 'POST', '/v1/actions', { request_id: 'aud', agent: { id: 'billing' }, tool: { server: 'files', name: 'read_text_file' }, payload: { path: 'a' } })).body.action;
    const size = () => Number(house.json('log', 'status').sequenced);
    const before = size();
    await auditor.page.goto(`${house.url}/actions/${action}`);
    check('an auditor sees everything', (await auditor.page.locator('main').textContent()).includes('EXACT') || (await auditor.page.locator('h1').textContent()).includes('files/read_text_file'));
    const seen = size() - before;
    check('and each look is a record', seen >= 1, seen);
    const idle = size();
    await sleep(1_500);
    check('which starts no look by itself', size() === idle, size() - idle);
    await auditor.page.goto(`${house.url}/settings`);
    check('but changes nothing', (await auditor.page.locator('h1').textContent()) === 'Forbidden');
    await auditor.context.close();
  });
}
