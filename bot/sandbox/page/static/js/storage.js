// What a browser keeps for this page. One that keeps nothing forgets it; nothing else is lost.

export function kept(area, name, otherwise = null) {
  try {
    return JSON.parse(area().getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function keep(area, name, value) {
  try {
    if (value === null) area().removeItem(name);
    else area().setItem(name, JSON.stringify(value));
  } catch {
    // As above.
  }
}

// Functions, for with everything blocked even naming them is an error.
export const forTab = () => sessionStorage;
export const forBrowser = () => localStorage;
