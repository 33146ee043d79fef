function (doc) {
  // Files by path, and the trash by time: [scope and field, whether the value is missing, the value, the file].
  if (doc.index && doc.index.folders) {
    for (var i = 0; i < doc.index.folders.length; i++) {
      var place = doc.index.folders[i];
      emit([place[0], place[1], place[2], doc.index.id], doc.index.row);
    }
  }
}
