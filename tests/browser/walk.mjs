// The console against the real server: the demonstration's people take a suggestion along its way. Reads BASE and
// LOGINS (a JSON object, login to password); prints one line per story and ends with the counts.
import { chromium } from 'playwright-core'
import { Visitor } from './visitor.mjs'

const base = process.env.BASE
const logins = JSON.parse(process.env.LOGINS)
const district = 'shangcheng'
const list = 'suggestions/suggestion'
const title = '清波门老旧小区加装电梯'
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
let address = ''
let passed = 0
let failed = 0

async function as(login, work, options) {
  const visitor = await Visitor.open(browser, base, district, options)
  try {
    await visitor.signIn(login, logins[login])
    await visitor.heading(/您好/).waitFor()
    await work(visitor)
    if (visitor.refused.length) throw new Error(visitor.refused.join('\n'))
  } catch (error) {
    const text = await visitor.page.locator('body').innerText().catch(() => '')
    throw new Error(`${error.stack}\n  at ${visitor.page.url()}\n  the page says: ${text.slice(0, 600)}`)
  } finally {
    await visitor.close()
  }
}

async function choose(dialog, label, option) {
  await dialog.getByLabel(label).click()
  await dialog.page().getByRole('option', { name: option }).click()
}

const stories = {
  async 'a wrong password is refused in words'() {
    const visitor = await Visitor.open(browser, base, district)
    await visitor.signIn('officer', 'not the password')
    await visitor.page.getByRole('alert').waitFor()
    await visitor.look('sign-in')
    await visitor.close()
  },

  async 'an empty list says why'() {
    await as('officer', async (v) => {
      await v.look('home')
      await v.page.getByRole('link', { name: '查看建言献策' }).click()
      await v.page.getByRole('heading', { name: '还没有建言献策' }).waitFor()
      await v.look('empty')
    })
  },

  async 'a member submits; what is wrong is said beside the field'() {
    await as('member1', async (v) => {
      await v.page.getByRole('link', { name: '新建' }).click()
      await v.heading('新建：建言献策').waitFor()
      await v.page.getByLabel('联系电话').fill('123')
      await v.button('提交').click()
      await v.page.locator('[data-field="title"] .el-form-item__error').waitFor()
      await v.look('create')
      await v.page.getByLabel('标题').fill(title)
      await v.page.getByLabel('内容').fill('多层住宅老人上下楼不便，建议统一规划加装电梯。')
      await v.page.getByLabel('联系人').fill('居民甲')
      await v.page.getByLabel('联系电话').fill('13800138000')
      await v.button('提交').click()
      await v.heading(title).waitFor()
      address = new URL(v.page.url()).hash.replace(`#/t/${district}/`, '')
      await v.look('submitted')
    })
  },

  async 'whoever was slower keeps what was typed'() {
    await as('member1', async (v) => {
      await v.go(address)
      await v.button('编辑').click()
      await v.dialog().getByLabel('内容').fill('多层住宅老人上下楼不便，建议逐楼统一规划加装电梯。')
      const other = await v.context.newPage()
      await other.goto(v.page.url())
      await other.getByRole('button', { name: '编辑' }).click()
      await other.getByRole('dialog').getByLabel('联系人').fill('居民甲（本人）')
      await other.getByRole('dialog').getByRole('button', { name: '保存' }).click()
      await other.getByText('已保存').waitFor()
      await v.button('保存').click()
      await v.dialog().getByText('他人修改了：联系人').waitFor()
      await v.look('conflict')
      await v.button('保存').click()
      await v.page.getByText('已保存').waitFor()
      await v.page.getByText('建议逐楼统一规划').first().waitFor()
      await v.page.getByText('居民甲（本人）').first().waitFor()
    })
  },

  async 'the community screens and escalates, the street escalates'() {
    await as('qingbomen', async (v) => {
      await v.go(list)
      await v.page.getByRole('link', { name: title }).click()
      await v.take('初审通过')
      await v.take('上报', (dialog) => dialog.getByLabel('说明').fill('需街道统筹'))
    })
    await as('qingbo.street', async (v) => {
      await v.go(address)
      await v.take('上报', (dialog) => dialog.getByLabel('说明').fill('涉及全区政策'))
    })
  },

  async 'the officer finds it by state and assigns it'() {
    await as('officer', async (v) => {
      await v.go(`${list}?state=screened`)
      await v.page.getByRole('link', { name: title }).click()
      await v.heading(title).waitFor()
      await v.button('交办').click()
      await v.dialog().getByRole('button', { name: '交办' }).click()
      await v.dialog().locator('[data-field="lead_department"] .el-form-item__error').waitFor()
      await v.look('assign')
      await choose(v.dialog(), '主办部门', '住房和城乡建设局')
      await v.dialog().getByLabel('办理期限').fill('15')
      await v.dialog().getByRole('button', { name: '交办' }).click()
      await v.page.getByText('办理中').first().waitFor()
      await v.look('record')
    })
  },

  async 'the department answers without learning who submitted'() {
    await as('housing.handler', async (v) => {
      await v.go(address)
      await v.page.getByText('按规定不显示').first().waitFor()
      if ((await v.page.locator('main').innerText()).includes('居民甲')) throw new Error('the submitter is named')
      await v.take('答复', (dialog) => dialog.getByLabel('答复').fill('已纳入年度老旧小区改造计划。'))
      await v.look('answered')
    })
    await as('housing.head', async (v) => {
      await v.go(address)
      await v.take('审签')
    })
  },

  async 'another street finds nothing'() {
    await as('hubin.street', async (v) => {
      await v.go(address)
      await v.page.getByRole('heading', { name: '没有找到' }).waitFor()
      await v.go(list)
      await v.page.getByRole('heading', { name: '还没有建言献策' }).waitFor()
    })
  },

  async 'where it is off, the list says by whom and why'() {
    await as('officer', async (v) => {
      await v.go(list)
      await v.page.locator('.side .el-tree-node__expand-icon').first().click()
      await v.page.getByText('南星街道').click()
      await v.page.getByRole('heading', { name: '此处已停用' }).waitFor()
      await v.page.getByText('街道机构调整期间暂停').waitFor()
      await v.look('disabled')
    })
  },

  async 'dark, and on a phone'() {
    await as('officer', async (v) => {
      await v.go(list)
      await v.page.getByRole('link', { name: title }).waitFor()
      if (!await v.page.evaluate(() => document.documentElement.classList.contains('dark'))) throw new Error('not dark')
      await v.look('phone-list')
      await v.button('打开导航').click()
      await v.dialog().getByText('上城区').waitFor()
      await v.look('phone-navigation')
      await v.go(address)
      await v.heading(title).waitFor()
      await v.look('phone-record')
    }, { viewport: { width: 360, height: 780 }, colorScheme: 'dark' })
    await as('officer', async (v) => {
      await v.go(list)
      await v.page.getByRole('link', { name: title }).waitFor()
      await v.look('wide-list')
    }, { viewport: { width: 2560, height: 1200 } })
  },

  async 'a first password is replaced before anything else; signing out ends it'() {
    const visitor = await Visitor.open(browser, base, district)
    const fresh = 'Qingbo-2026-console-walk'
    await visitor.signIn('admin', logins.admin)
    await visitor.heading('设置新密码').waitFor()
    await visitor.look('password')
    await visitor.page.getByLabel('当前密码').fill(logins.admin)
    await visitor.page.getByLabel('新密码', { exact: true }).fill(fresh)
    await visitor.page.getByLabel('再次输入新密码').fill(fresh)
    await visitor.button('保存并继续').click()
    await visitor.heading(/您好/).waitFor()
    await visitor.button('退出登录').click()
    await visitor.heading('登录').waitFor()
    await visitor.go(list)
    await visitor.heading('登录').waitFor()
    await visitor.close()
  },
}

const only = process.argv[2]
for (const [name, story] of Object.entries(stories)) {
  if (only && !name.match(only)) continue
  const began = Date.now()
  try {
    await story()
    passed++
    console.log(`  ok   ${name} ${((Date.now() - began) / 1000).toFixed(1)} s`)
  } catch (error) {
    failed++
    console.log(`  FAIL ${name}\n${error.stack ?? error}`)
  }
}
await browser.close()
console.log(`${passed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed ? 1 : 0
