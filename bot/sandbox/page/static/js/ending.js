// Keeps a list at its end for as long as whoever reads it is there, whatever becomes of its size.

const NEAR = 80;

export function keptAtEnd(body) {
  let follows = true;
  let there = true;
  let last = 0;
  const settle = () => {
    if (there) body.scrollTop = body.scrollHeight;
  };
  body.addEventListener("scroll", () => {
    // Who reads on further up has scrolled up; a list that has grown has not.
    const away = body.scrollHeight - body.scrollTop - body.clientHeight >= NEAR;
    there = follows && (away ? there && body.scrollTop >= last : true);
    last = body.scrollTop;
  });
  new ResizeObserver(settle).observe(body);
  // After a change; `anew` where it is another list than before. What is no list, and does not follow, begins at its top.
  return (anew, following = true) => {
    follows = following;
    there = follows && (there || anew);
    if (anew && !follows) body.scrollTop = 0;
    settle();
  };
}
