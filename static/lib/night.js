/**
 * Dark when the device is. Not a module, and in the head: it has to be known before anything is painted, or the page would
 * flash white in a dark room.
 */
{
  const night = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    if (night.matches) document.documentElement.dataset.theme = "dark";
    else delete document.documentElement.dataset.theme;
  };
  follow();
  night.addEventListener?.("change", follow);
}
