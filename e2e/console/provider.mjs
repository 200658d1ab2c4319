// An OpenID provider (npm's oidc-provider) with its own sign-in pages: whoever names an account is that account.

import { load, freePort } from './house.mjs';

const accounts = {
  ida: { name: 'Ida', email: 'ida@example.org', email_verified: true, groups: ['eng', 'money'] },
  twoish: { name: 'Somebody', email: 'two@example.org', email_verified: false, groups: ['money'] },
  two: { name: 'Two', email: 'TWO@example.org', email_verified: true, groups: ['eng'] },
};

export async function openProvider(client) {
  const { default: Provider } = await load('oidc-provider');
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{ ...client, grant_types: ['authorization_code'], response_types: ['code'] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    pkce: { required: () => true },
    findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ['only-for-this-test'] },
  });
  const log = [];
  for (const event of ['authorization.error', 'grant.error', 'server_error', 'userinfo.error']) provider.on(event, (_, error) => log.push(`${event}: ${error.message} ${error.error_description ?? ''}`));
  const server = await new Promise((done) => {
    const listening = provider.listen(port, '127.0.0.1', () => done(listening));
  });
  return { issuer, accounts, log, close: () => server.close() };
}

/** Signs in at the provider's own pages. */
export async function atProvider(page, account) {
  await page.waitForURL(/interaction/);
  await page.locator('input[name=login]').fill(account);
  await page.locator('input[name=password]').fill('anything');
  await page.locator('button[type=submit]').click();
  await page.waitForURL(/interaction/);
  await page.locator('button[type=submit]').click();
}
