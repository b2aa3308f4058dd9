// Command envoysim plays a home with an Enphase gateway, for demos and tests.
package main

func main() {}
