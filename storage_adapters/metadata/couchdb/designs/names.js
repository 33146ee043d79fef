function (doc) {
  // Who bears an alias or a request id, and since when.
  if (doc.index) {
    for (var i = 0; i < doc.index.names.length; i++) {
      emit(doc.index.names[i], doc.index.named_at);
    }
  }
}
