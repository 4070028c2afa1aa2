// Puts a .gz beside every text file of dist/ but the pages, which the server sends as they are, and says what the first
// load weighs; fails beyond the budget.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const dist = new URL('../dist/', import.meta.url).pathname
const SCRIPT_BUDGET = 300 * 1024

function files(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(directory, entry.name)) : [join(directory, entry.name)])
}

const packed = new Map()
for (const file of files(dist)) {
  if (!/\.(js|css|svg|json)$/.test(file)) continue
  const gz = gzipSync(readFileSync(file), { level: 9 })
  writeFileSync(file + '.gz', gz)
  packed.set(file.slice(dist.length), gz.length)
}

const first = [...readFileSync(join(dist, 'index.html'), 'utf8').matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map((m) => m[1])
const weight = (ending) => first.filter((name) => name.endsWith(ending)).reduce((sum, name) => sum + (packed.get(name) ?? 0), 0)
const script = weight('.js')
console.log(`first load, gzip: script ${(script / 1024).toFixed(1)} KiB, style ${(weight('.css') / 1024).toFixed(1)} KiB`)
if (script === 0 || script > SCRIPT_BUDGET) {
  console.error(`script budget is ${SCRIPT_BUDGET / 1024} KiB`)
  process.exit(1)
}
