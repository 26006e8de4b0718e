// Light or dark: follows the system until the reader chooses.
import { at } from './elements.js';

export function themes() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const button = at('theme');
  const set = (isDark) => {
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
    button.textContent = isDark ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Switch to ${isDark ? 'light' : 'dark'} colours`);
    button.setAttribute('aria-pressed', String(isDark));
  };
  set((localStorage.getItem('theme') ?? (dark.matches ? 'dark' : 'light')) === 'dark');
  button.addEventListener('click', () => {
    const isDark = document.documentElement.dataset.theme !== 'dark';
    localStorage.setItem('theme', isDark ? 'dark' : 'light');
    set(isDark);
  });
}
