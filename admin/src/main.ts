// Start of the console.
import { createApp } from 'vue'
import App from './App.vue'
import { currentLocale, i18n, setLocale } from './i18n'
import { followSystemTheme } from './lib/theme'
import { router } from './router'
import './styles/element'
import './styles/tokens.css'
import './styles/base.css'

followSystemTheme()
setLocale(currentLocale())
createApp(App).use(i18n).use(router).mount('#app')
