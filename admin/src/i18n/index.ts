// Texts of the console itself; what plugins declare brings its own labels.
import { createI18n } from 'vue-i18n'
import type { Label, Locale } from '@/api/types'
import en from './en.json'
import zhCN from './zh-CN.json'

const storageKey = 'juxin.locale'

function preferred(): Locale {
  const kept = localStorage.getItem(storageKey)
  if (kept === 'en' || kept === 'zh-CN') return kept
  return navigator.language.toLowerCase().startsWith('en') ? 'en' : 'zh-CN'
}

export const i18n = createI18n({
  legacy: false,
  locale: preferred(),
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zhCN, en },
})

export function currentLocale(): Locale { return i18n.global.locale.value }

export function setLocale(locale: Locale): void {
  i18n.global.locale.value = locale
  localStorage.setItem(storageKey, locale)
  document.documentElement.lang = locale
}

export function labelOf(label: Label | undefined, fallback = ''): string {
  return label?.[currentLocale()] ?? label?.['zh-CN'] ?? label?.en ?? fallback
}
