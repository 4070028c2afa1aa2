// What the compiler does not check: both languages complete and used, no `any`, small components, nothing the content
// security policy would refuse, no registry address in the lock file.
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const complaints = []

function files(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(directory, entry.name)) : [join(directory, entry.name)])
}

function flatten(tree, prefix = '') {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [[prefix + key, value]] : flatten(value, `${prefix}${key}.`))
}

const load = (name) => new Map(flatten(JSON.parse(readFileSync(join(root, 'src/i18n', name), 'utf8'))))
const zh = load('zh-CN.json')
const en = load('en.json')
const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join()

for (const [key, text] of zh) {
  if (!en.has(key)) complaints.push(`en.json lacks ${key}`)
  else if (holes(text) !== holes(en.get(key))) complaints.push(`${key}: the languages have different parameters`)
  if (!text.trim()) complaints.push(`zh-CN.json: ${key} is empty`)
}
for (const key of en.keys()) if (!zh.has(key)) complaints.push(`zh-CN.json lacks ${key}`)

const used = new Set()
const prefixes = new Set()
for (const file of files(join(root, 'src'))) {
  if (!/\.(ts|vue)$/.test(file)) continue
  const text = readFileSync(file, 'utf8')
  const name = relative(root, file)
  for (const m of text.matchAll(/\bt\(\s*'([^']+)'/g)) used.add(m[1])
  for (const m of text.matchAll(/\bt\(\s*`([^`$]+)\$\{/g)) prefixes.add(m[1])
  for (const m of text.matchAll(/\bkeypath="([^"]+)"/g)) used.add(m[1])
  if (/(:|<|as|\|)\s*any\b/.test(text)) complaints.push(`${name}: any`)
  if (file.endsWith('.vue') && text.split('\n').length > 200) complaints.push(`${name}: more than 200 lines`)
  if (/\sstyle="/.test(text) || /v-html/.test(text)) complaints.push(`${name}: inline style or v-html`)
  for (const line of text.split('\n'))
    if (file.endsWith('.vue') && /[\u4e00-\u9fff]/.test(line)) complaints.push(`${name}: text outside the locales: ${line.trim()}`)
}
for (const key of used) if (!zh.has(key)) complaints.push(`no text for ${key}`)
for (const key of zh.keys())
  if (!used.has(key) && ![...prefixes].some((prefix) => key.startsWith(prefix))) complaints.push(`unused text ${key}`)

if (readFileSync(join(root, 'package-lock.json'), 'utf8').includes('"resolved"'))
  complaints.push('package-lock.json: registry addresses')

for (const complaint of complaints) console.error(complaint)
console.log(`${zh.size} texts in two languages, ${complaints.length} complaints`)
process.exit(complaints.length ? 1 : 0)
