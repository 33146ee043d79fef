function (doc) {
  // Counters of an owner, and of everybody: [owner, access, content type, status].
  if (doc.index) {
    var u = doc.index.usage, value = [1, u[4], u[5]];
    emit([u[0], u[1], u[2], u[3]], value);
    emit(['', u[1], u[2], u[3]], value);
  }
}
