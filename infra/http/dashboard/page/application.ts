import type { Panel } from './panel.ts'

/** Panels of the application: its own file of this name stands for this one, as its application.html and application.css do. */
export const panels: readonly Panel[] = []
