// The code of a link stands behind "#", which browsers send to no server: it is moved from there into the form.
const field = document.querySelector('input[name="code"]');
const code = decodeURIComponent(location.hash.slice(1));
if (code) {
    field.value = code;
    field.closest("p").hidden = true;
    history.replaceState(null, "", location.pathname);
}
