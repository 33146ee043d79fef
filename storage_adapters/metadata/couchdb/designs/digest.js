function (doc) {
  // Number of files, sums of both halves of their hashes, and (for a single row) the revision.
  if (doc.index) {
    var d = doc.index.digest;
    emit(d[0], [1, d[1], d[2], d[3]]);
  }
}
