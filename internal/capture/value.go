package capture

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Forms of what may pass.
var (
	numberForm = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?$`)
	partForm   = regexp.MustCompile(`^[0-9]{3}-[0-9]{5}-r[0-9]{2}(?:-v[0-9]{2}\.[0-9]{2}\.[0-9]{2})?$`)
	barePart   = regexp.MustCompile(`^(?:[0-9]{3}-[0-9]{5}(?:-[0-9]{2})?|[0-9]{2}|[0-9]{3}[A-F])$`)
	// A version has two or three numbers, or many short ones behind a 001; telephone
	// numbers with dots have others.
	versionForm = regexp.MustCompile(`^[A-Z]?(?:[0-9]{1,2}(?:\.[0-9]{1,3}|(?:\.[0-9]{1,5}){2})|00[0-9](?:\.[0-9]{1,3}){3,4})(?:-D[0-9]{1,5}|_rel/[0-9]{1,3}\.[0-9]{1,3})?$`)
	buildForm   = regexp.MustCompile(`^[0-9a-f]{4,8}$`)
	flagsForm   = regexp.MustCompile(`^0x[0-9a-f]{1,16}$`)
	dayOfYear   = regexp.MustCompile(`^[0-9]{1,2}/[0-9]{1,2}$`)
	// partOfTariff are the ids in a tariff.
	partOfTariff = regexp.MustCompile(`^(?:season|tier|period)_[0-9]{1,2}$`)
	weekdays     = regexp.MustCompile(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:,(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun))*$`)
)

// timeForms are the ways in which gateways write a time as text.
var timeForms = []string{"2006-01-02 15:04:05 MST", "01/02/2006", "15:04", time.RFC3339, time.DateTime, time.DateOnly, time.TimeOnly}

// text returns what to show of a text in a field.
func (s *Scrubber) text(f field, text string) string {
	if text == "" {
		return ""
	}
	if f.class == private {
		return s.replace(text)
	}
	if f.class == version && telling(f, text) {
		return s.keep(text) // also one that looks like a number: 8.123
	}
	if numberForm.MatchString(text) {
		return s.number(f, text)
	}
	if f.class == zone {
		if common, ok := commonZone(text, s.now); ok {
			return s.keep(common)
		}
		return s.replace(text)
	}
	if enumerated(f, text) || telling(f, text) {
		return s.keep(text)
	}
	return s.replace(text)
}

// telling reports whether a text has a form that tells of a device or a time and
// of nobody.
func telling(f field, text string) bool {
	switch {
	case f.class == serial:
		return f.name == "id" && partOfTariff.MatchString(text)
	case partForm.MatchString(text):
		return true
	case f.class == version:
		return barePart.MatchString(text) || versionForm.MatchString(text) || f.name == "build" && buildForm.MatchString(text)
	case strings.HasPrefix(f.name, "flags"):
		return flagsForm.MatchString(text)
	case f.class == quantity:
		return dayOfYear.MatchString(text) || weekdays.MatchString(text) || isTime(text)
	case f.name == "days" || f.name == "week_days":
		return weekdays.MatchString(text)
	}
	return false
}

// isTime reports whether text is a time as gateways write it. A zone behind it
// passes only as UTC.
func isTime(text string) bool {
	for _, form := range timeForms {
		t, err := time.Parse(form, text)
		if err == nil && (form != timeForms[0] || strings.HasSuffix(text, " UTC")) {
			return t.Format(form) == text
		}
	}
	return false
}

// Digits that a number may have without being taken for somebody's.
const (
	shortSerial  = 3
	shortNumber  = 4
	longestCount = 16
	likelySerial = 11 // no field of a measurement's kind is needed to have this many
)

// number returns what to show of a number, in the same form.
func (s *Scrubber) number(f field, text string) string {
	whole := strings.TrimPrefix(text, "-")
	whole, rest, _ := cutNumber(whole)
	switch f.class {
	case private:
		return s.instead(text, "0")
	case serial:
		if len(whole) > shortSerial {
			return s.instead(text, s.names.of(whole))
		}
		return s.coarse(text, whole, rest)
	case quantity:
		if len(whole) > longestCount {
			return s.instead(text, s.names.of(whole))
		}
		return text
	}
	if len(whole) >= likelySerial {
		return s.instead(text, s.names.of(whole))
	}
	return s.coarse(text, whole, rest)
}

// coarse takes from a number in a field nobody knows what makes it somebody's: a
// telephone number or a postal code all but its first two digits, a coordinate
// its fraction.
func (s *Scrubber) coarse(text, whole, rest string) string {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(rest, "eE") && math.Abs(n) >= 1e4 {
		return s.instead(text, "0")
	}
	if len(whole) > shortNumber {
		unit := math.Pow10(len(whole) - 2)
		return s.instead(text, strconv.FormatFloat(math.Trunc(n/unit)*unit, 'f', -1, 64))
	}
	if len(rest) > len(".00") && math.Abs(n) <= 180 {
		return s.instead(text, fmt.Sprintf("%.0f", math.Trunc(n)))
	}
	return text
}

// cutNumber splits a number behind its whole part.
func cutNumber(text string) (whole, rest string, cut bool) {
	i := strings.IndexAny(text, ".eE")
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i:], true
}

// keep notes that a text passes.
func (s *Scrubber) keep(text string) string {
	s.file.kept[text] = true
	return text
}

// replace returns the placeholder of a text.
func (s *Scrubber) replace(text string) string { return s.instead(text, s.names.of(text)) }

// instead notes that something does not pass.
func (s *Scrubber) instead(was, is string) string {
	if was != is {
		s.file.replaced++
	}
	return is
}
