// A person in front of the console: one browser context, signed in as somebody of the demonstration.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const screenshots = process.env.JUXIN_SCREENSHOTS

export class Visitor {
  // options: those of Playwright's contexts. refused collects what the content security policy stopped, and every error.
  static async open(browser, base, district, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'zh-CN', ignoreHTTPSErrors: true, reducedMotion: 'reduce', ...options })
    const visitor = new Visitor()
    Object.assign(visitor, { context, base, district, refused: [], page: await context.newPage() })
    visitor.page.setDefaultTimeout(15000)
    visitor.page.on('console', (message) => {
      // A refusal by the server is logged by the browser as a failed resource; that is not an error of the page.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) visitor.refused.push(message.text())
    })
    visitor.page.on('pageerror', (error) => visitor.refused.push(String(error)))
    return visitor
  }

  async signIn(login, password) {
    await this.page.goto(`${this.base}/#/t/${this.district}/sign-in`)
    await this.page.getByLabel('区县代号').fill(this.district)
    await this.page.getByLabel('账号').fill(login)
    await this.page.getByLabel('密码', { exact: true }).fill(password)
    await this.page.getByRole('button', { name: '登录' }).click()
  }

  async go(path) {
    await this.page.goto(`${this.base}/#/t/${this.district}/${path}`)
  }

  heading(name) { return this.page.getByRole('heading', { name, level: 1 }) }
  button(name) { return this.page.getByRole('button', { name, exact: true }) }
  dialog() { return this.page.getByRole('dialog') }

  // Opens the transition's form, fills it, sends it, and waits for the message that it is done.
  async take(name, fill = async () => undefined) {
    await this.button(name).first().click()
    const dialog = this.dialog()
    await dialog.waitFor()
    await fill(dialog)
    await dialog.getByRole('button', { name, exact: true }).click()
    await this.page.getByText(`已完成：${name}`).first().waitFor()
    await dialog.waitFor({ state: 'detached' })
  }

  // Nothing axe finds, nothing wider than the window, nothing refused; a picture where one is wanted.
  async look(name) {
    await this.page.waitForLoadState('networkidle')
    await this.page.evaluate(axe)
    const found = await this.page.evaluate(async () => (await globalThis.axe.run()).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary.split('\n')[1]).join(' | ')}`))
    const over = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    if (screenshots) await this.page.screenshot({ path: `${screenshots}/${name}.png` })
    const wrong = [...found, ...this.refused]
    if (over > 0) wrong.push(`${over} pixels wider than the window`)
    if (wrong.length) throw new Error(`${name}: ${wrong.join('\n')}`)
  }

  async close() { await this.context.close() }
}
