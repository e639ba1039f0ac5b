package peer;

record HourTotal(long cents, long trips) {
    static final HourTotal NONE = new HourTotal(0, 0);
}
