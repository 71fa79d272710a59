package io.asyncpal.examples;

/** Work for a processor. */
final class Primes {
  private Primes() {}

  /**
   * Counts primes by trial division.
   *
   * @param limit primes below this one are counted
   * @return how many there are
   */
  static int countBelow(int limit) {
    int count = 0;
    for (int number = 2; number < limit; ++number) {
      if (isPrime(number)) {
        ++count;
      }
    }
    return count;
  }

  private static boolean isPrime(int number) {
    for (int divisor = 2; (long) divisor * divisor <= number; ++divisor) {
      if (number % divisor == 0) {
        return false;
      }
    }
    return true;
  }
}
