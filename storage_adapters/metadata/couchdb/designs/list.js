function (doc) {
  // SORT_FIELD: [scope, whether the value is missing, the value, the file].
  if (doc.index) {
    var scopes = doc.index.scopes, place = doc.index.places.SORT_FIELD;
    for (var i = 0; i < scopes.length; i++) {
      emit([scopes[i], place[0], place[1], doc.index.id], doc.index.row);
    }
  }
}
