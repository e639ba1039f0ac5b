/** A number and its noun: `1 trip`, `2 trips`. @param noun one of them, whose plural ends with s */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
