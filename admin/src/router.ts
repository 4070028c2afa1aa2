// Hash routes, so that every page is the same static file: #/t/DISTRICT/…
import { createRouter, createWebHashHistory } from 'vue-router'
import { enterDistrict, resume, session } from '@/lib/session'

export const router = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  routes: [
    { path: '/', name: 'district', component: () => import('@/pages/SignInPage.vue') },
    { path: '/t/:tenant/sign-in', name: 'sign-in', component: () => import('@/pages/SignInPage.vue') },
    { path: '/t/:tenant/password', name: 'password', component: () => import('@/pages/PasswordPage.vue') },
    {
      path: '/t/:tenant',
      component: () => import('@/pages/ShellPage.vue'),
      children: [
        { path: '', name: 'home', component: () => import('@/pages/HomePage.vue') },
        { path: ':plugin/:resource', name: 'list', component: () => import('@/pages/ListPage.vue') },
        { path: ':plugin/:resource/new', name: 'create', component: () => import('@/pages/CreatePage.vue') },
        { path: ':plugin/:resource/:id', name: 'record', component: () => import('@/pages/RecordPage.vue') },
      ],
    },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})

export function param(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? ''
}

router.beforeEach(async (to) => {
  const tenant = param(to.params.tenant)
  if (!tenant) return true
  enterDistrict(tenant, () => {
    const here = router.currentRoute.value
    if (here.name !== 'sign-in') void router.push({ name: 'sign-in', params: { tenant }, query: { to: here.fullPath } })
  })
  if (to.name === 'sign-in') return true
  if (!await resume()) return { name: 'sign-in', params: { tenant }, query: { to: to.fullPath } }
  if (session.who?.must_change_password && to.name !== 'password') return { name: 'password', params: { tenant } }
  return true
})
