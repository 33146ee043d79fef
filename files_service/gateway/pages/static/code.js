// The code of a link stands behind "#", which browsers send to no server: it is moved from there into the form.
const field = document.querySelector('input[name="link"]') ?? document.querySelector('input[name="code"]');
const code = decodeURIComponent(location.hash.slice(1));
if (code) {
    for (const form of document.querySelectorAll("main form")) {
        form.hidden = form !== field.form;
    }
    field.value = code;
    field.closest(".field").hidden = true;
    history.replaceState(null, "", location.pathname);
}
