// What does not fit the window, what is cut off, and what is smaller than a target must be.
(smallest) => {
    const found = [];
    const width = document.documentElement.clientWidth;
    const tell = (what, element) => found.push(`${what}: ${element.outerHTML.replace(/\s+/g, " ").slice(0, 160)}`);
    if (document.documentElement.scrollWidth > width) found.push(`scrolls sideways: ${document.documentElement.scrollWidth} of ${width}`);
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    // What only those hear who do not see the page.
    const isHidden = (element) => element.closest(".hidden, .skip, [hidden]") || getComputedStyle(element).clipPath === "inset(50%)";
    const scrolls = (element) => {
        for (let each = element.parentElement; each; each = each.parentElement) {
            if (/auto|scroll|hidden|clip/.test(getComputedStyle(each).overflowX)) return each !== document.documentElement && each !== document.body;
        }
        return false;
    };
    const modal = document.querySelector("dialog:modal");
    const all = [...(modal ?? document.body).querySelectorAll("*")].filter((each) => isShown(each) && !isHidden(each) && !each.closest("svg svg, symbol"));
    for (const element of all) {
        const box = element.getBoundingClientRect();
        if (!box.width || !box.height) continue;
        const style = getComputedStyle(element);
        if ((box.right > width + 1 || box.left < -1) && !scrolls(element)) tell("outside", element);
        const cuts = /hidden|clip/.test(style.overflowX) && style.textOverflow !== "ellipsis" && style.webkitLineClamp === "none";
        if (cuts && !element.matches("input, select, textarea") && element.scrollWidth > element.clientWidth + 1 && element.childElementCount === 0) tell("cut", element);
        if (element.matches("button, .button, .chip, th, summary") && element.scrollWidth > element.clientWidth + 1 && style.display !== "inline") tell("too wide", element);
    }
    for (const box of all.filter((each) => each.matches("label > input:is([type=checkbox], [type=radio])"))) {
        const words = document.createRange();
        words.selectNodeContents(box.parentElement);
        words.setStartAfter(box);
        const first = [...words.getClientRects()].find((each) => each.width), own = box.getBoundingClientRect();
        if (first && (first.top > own.bottom || first.left < own.right)) tell("away from its label", box);
    }
    if (modal) {
        const box = modal.getBoundingClientRect();
        if (box.top < -1 || box.bottom > innerHeight + 1) tell("dialog outside", modal);
        if (innerHeight >= 800 && modal.scrollHeight > modal.clientHeight + 1 && modal.querySelector("table")) tell("table scrolls", modal);
    }
    const targets = all.filter((each) => each.matches("a[href], button, input:not([type=hidden]), select, textarea, summary"));
    for (const element of targets) {
        if (element.disabled || element.tabIndex < 0) continue;
        // Links within a sentence are as high as its line.
        if (getComputedStyle(element).display === "inline" && element.matches("a")) continue;
        // What lies over a whole row belongs to its link.
        const over = getComputedStyle(element, "::after").position === "absolute" ? element.offsetParent : null;
        const boxes = [element, over, element.closest("label"), ...(element.labels ?? [])].filter(Boolean).map((each) => each.getBoundingClientRect());
        const wide = Math.max(...boxes.map((box) => box.width)), high = Math.max(...boxes.map((box) => box.height));
        if (wide < smallest - 0.5 || high < smallest - 0.5) tell(`small, ${Math.round(wide)} x ${Math.round(high)}`, element);
    }
    return found;
}
