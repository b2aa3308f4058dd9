package capture

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// placeholders gives each text that is kept back a name of the same form, and
// the same text the same name.
type placeholders struct {
	names map[string]string
	count map[string]int // by form
}

func newPlaceholders() placeholders {
	return placeholders{names: map[string]string{}, count: map[string]int{}}
}

var (
	allDigits = regexp.MustCompile(`^[0-9]{4,}$`)
	macForm   = regexp.MustCompile(`^(?:(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{12}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})$`)
	mailForm  = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

// of returns the placeholder of a text.
func (p placeholders) of(text string) string {
	if name, known := p.names[text]; known {
		return name
	}
	name := p.next(text)
	p.names[text] = name
	return name
}

func (p placeholders) next(text string) string {
	address, err := netip.ParseAddr(text)
	switch {
	case allDigits.MatchString(text):
		form := fmt.Sprint("digits", len(text))
		p.count[form]++
		return digits(p.count[form], len(text))
	case macForm.MatchString(text):
		n := p.counted("mac")
		return fmt.Sprintf("02:00:00:%02x:%02x:%02x", n>>16&0xff, n>>8&0xff, n&0xff)
	case mailForm.MatchString(text):
		return fmt.Sprintf("user%d@example.org", p.counted("user"))
	case err == nil && address.Is4():
		n := p.counted("ip4")
		if n > 254 {
			return fmt.Sprintf("198.18.%d.%d", n>>8&0xff, n&0xff)
		}
		return fmt.Sprintf("192.0.2.%d", n)
	case err == nil:
		return fmt.Sprintf("2001:db8::%x", p.counted("ip6"))
	}
	return fmt.Sprintf("text%d", p.counted("text"))
}

func (p placeholders) counted(form string) int {
	p.count[form]++
	return p.count[form]
}

// digits is the n-th made-up number of that many digits; it gets longer when
// they are used up. No serial number begins with a 9.
func digits(n, length int) string {
	text := fmt.Sprint(n)
	return "9" + strings.Repeat("0", max(0, length-1-len(text))) + text
}
