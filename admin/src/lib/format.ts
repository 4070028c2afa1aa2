// Values as people read them. Times are shown in Asia/Shanghai.
import type { Field, Json } from '@/api/types'
import { currentLocale, i18n, labelOf } from '@/i18n'

const zone = 'Asia/Shanghai'

export function dateTime(value: string): string {
  const time = new Date(value)
  if (Number.isNaN(time.getTime())) return value
  return new Intl.DateTimeFormat(currentLocale() === 'en' ? 'en-GB' : 'zh-CN', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
  }).format(time)
}

export function dateOnly(value: string): string {
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return currentLocale() === 'en' ? value : value.replaceAll('-', '/')
  return dateTime(value).slice(0, 10)
}

export function isPast(value: string): boolean {
  const time = /^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T23:59:59+08:00` : value
  return new Date(time).getTime() < Date.now()
}

export function enumLabel(field: Field, value: string): string {
  return labelOf(field.values?.find((v) => v.value === value)?.label, value)
}

export function plain(field: Field, value: Json | undefined): string {
  if (value === null || value === undefined || value === '') return ''
  if (typeof value === 'boolean') return value ? i18n.global.t('value.yes') : i18n.global.t('value.no')
  switch (field.type) {
    case 'enum': return enumLabel(field, String(value))
    case 'date': return dateOnly(String(value))
    case 'datetime': return dateTime(String(value))
    case 'money': return typeof value === 'number' ? (value / 100).toLocaleString(currentLocale(), { style: 'currency', currency: 'CNY' }) : String(value)
    case 'integer': return typeof value === 'number' ? value.toLocaleString(currentLocale()) : String(value)
    default: return typeof value === 'object' ? JSON.stringify(value) : String(value)
  }
}
