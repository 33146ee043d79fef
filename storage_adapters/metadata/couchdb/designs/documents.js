function (doc) {
  // Documents in the order of their collection, whole, as they stood at this place; and what is to be removed, by its time.
  if (doc.index) {
    emit(["order", doc.collection, doc.index.order, doc._id], doc.document);
  }
  if (doc.due) {
    emit([doc.index ? "expiring" : "buried", doc.due], null);
  }
}
