// Choose among the claims by document and by verdict. Without this script all of them are shown.
document.addEventListener("DOMContentLoaded", () => {
  for (const ledger of document.querySelectorAll(".claims")) {
    const claims = [...ledger.querySelectorAll(".claim")];
    const bar = document.createElement("p");
    bar.className = "claims-choice";
    const chosen = {};
    const count = document.createElement("output");

    const show = () => {
      const shown = claims.filter((claim) =>
        Object.entries(chosen).every(([key, value]) => !value || claim.dataset[key] === value));
      claims.forEach((claim) => { claim.hidden = !shown.includes(claim); });
      count.textContent = `${shown.length} of ${claims.length}`;
    };

    for (const [key, word] of [["document", "Document"], ["verdict", "Verdict"]]) {
      const values = [...new Set(claims.map((claim) => claim.dataset[key]))].sort();
      const select = document.createElement("select");
      select.add(new Option("all", ""));
      values.forEach((value) => select.add(new Option(value.replace("-", " "), value)));
      select.addEventListener("change", () => { chosen[key] = select.value; show(); });
      const label = document.createElement("label");
      label.append(`${word} `, select);
      bar.append(label, " ");
    }
    bar.append(count);
    if (claims.length > 12) ledger.prepend(bar);
    show();
  }
});
