package capture

import (
	"regexp"
	"strings"
	"unicode"
)

// class is what a field's name says of what may stand in it.
type class int

const (
	unknown  class = iota
	quantity       // a number passes whole
	serial         // a number of a device
	version        // what a manufacturer writes on firmware and parts
	zone           // a time zone
	private        // nothing passes
)

// field is the name of a field and its class.
type field struct {
	name  string
	class class
}

// wordSet makes a set of a list of words.
func wordSet(lists ...string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for word := range strings.FieldsSeq(list) {
			set[word] = true
		}
	}
	return set
}

var (
	knownWords    = wordSet(vocabulary)
	quantityWords = wordSet(quantities)
	privateWords  = wordSet(personal)
	versionWords  = wordSet("version vers ver fw software pn pnum part ptpn fp assembly build rev revision bootloader img")
	serialWords   = wordSet("sn serial serialnumber serials id ids uid uuid")
)

// shortNames are the fields that their words do not explain: /inv has s for the
// serial number and ap for a part number; logger is what an owner calls it.
var shortNames = map[string]class{
	"s": serial, "logger": private, "ap": version, "timezone": zone, "tz": zone, "time_zone": zone,
	// currents and the like of /ivp/ensemble/status and /stream/meter
	"F": quantity, "V": quantity, "f": quantity, "i": quantity, "p": quantity, "q": quantity, "v": quantity,
	"wNow": quantity, "currW": quantity, "curr_w": quantity,
}

// nameForm is what a name of a field looks like: letters and few digits, no run
// of digits that could be a number of something.
var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9_ :.-]{1,60}$`)
	digitRun  = regexp.MustCompile(`[0-9]{3}`)
	indexForm = regexp.MustCompile(`^[0-9]{1,3}$`)
)

// mostDigits is how many digits a name may have: vrmsB1L12_or_L12 has the most
// that were seen.
const mostDigits = 5

// passes reports whether a field's name may be shown.
func passes(name string) bool {
	if indexForm.MatchString(name) {
		return true
	}
	if !nameForm.MatchString(name) || digitRun.MatchString(name) || countDigits(name) > mostDigits {
		return false
	}
	words := wordsOf(name)
	for _, word := range words {
		if !knownWords[word] {
			return false
		}
	}
	return len(words) > 0
}

func countDigits(s string) int {
	return len(s) - len(strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s))
}

// fieldOf classifies a name. In a private field everything is private.
func fieldOf(name string, within class) field {
	f := field{name: name, class: within}
	if within == private {
		return f
	}
	f.class = unknown
	if c, known := shortNames[name]; known {
		f.class = c
		return f
	}
	words := wordsOf(name)
	for _, kind := range []struct {
		words map[string]bool
		class class
	}{{privateWords, private}, {serialWords, serial}, {quantityWords, quantity}, {versionWords, version}} {
		for _, word := range words {
			if kind.words[word] {
				f.class = kind.class
				return f
			}
		}
	}
	return f
}

// wordsOf cuts a name into its words in lower case: at what is no letter, and
// where a capital begins another word (whDlvdCum, ENC_agg_soc, FW Version).
func wordsOf(name string) []string {
	var words []string
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
		words = append(words, humps(part)...)
	}
	return words
}

func humps(part string) []string {
	var words []string
	runes := []rune(part)
	start := 0
	for i := 1; i < len(runes); i++ {
		lowerBefore := unicode.IsLower(runes[i-1]) && unicode.IsUpper(runes[i])
		lowerAfter := unicode.IsUpper(runes[i-1]) && unicode.IsUpper(runes[i]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if lowerBefore || lowerAfter {
			words = append(words, strings.ToLower(string(runes[start:i])))
			start = i
		}
	}
	return append(words, strings.ToLower(string(runes[start:])))
}
