function (doc) {
  // Tombstones that still name blobs, and from when on these may be deleted.
  if (doc.unclean) {
    emit(doc.unclean[0], doc.unclean[1]);
  }
}
