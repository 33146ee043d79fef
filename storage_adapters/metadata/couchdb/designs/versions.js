function (doc) {
  // Former contents of the files of an owner, and of everybody.
  if (doc.index && doc.index.versions) {
    var v = doc.index.versions, value = [v[1], v[2], v[3]];
    emit(v[0], value);
    emit('', value);
  }
}
