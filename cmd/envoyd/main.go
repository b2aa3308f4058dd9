// Command envoyd reads an Enphase gateway and tells the house what it says.
package main

func main() {}
