function (doc) {
  // Uploads that are due or open, places that nothing may name any more, copies to be deleted, and who names a copy.
  if (doc.kind === "upload") {
    if (doc.status !== "sealed") {
      emit(["due", doc.status === "open" ? doc.due : ""], null);
    }
    if (doc.status === "open") {
      emit(["open", doc.owner], null);
    }
  } else if (doc.kind === "place" && !doc.condemned) {
    if (!doc.named) {
      emit(["unused", doc.since], null);
    }
  } else if (doc.kind === "place" || doc.kind === "condemned") {
    emit(["condemned", ""], null);
  } else if (doc.kind === "ref") {
    emit(["token", doc.token], null);
  }
}
