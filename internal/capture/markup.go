package capture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

// isXML reports whether a body is /info and not a page.
func isXML(body []byte) bool {
	return bytes.HasPrefix(body, []byte("<envoy_info")) ||
		bytes.HasPrefix(body, []byte("<?xml")) && !bytes.Contains(bytes.ToLower(body), []byte("<html"))
}

// longestText is how much of an element's text is looked at.
const longestText = 256

// xmlScrubber writes an XML document anew.
type xmlScrubber struct {
	*Scrubber
	out   bytes.Buffer
	names []string // of the open elements, as shown
	field field
	text  string // of the element being read
	leaf  bool   // it has no elements in it so far
}

// scrubXML writes anew what is understood of an XML answer: elements, the name
// of a package, texts. Comments and whatever else there is are left out.
func (s *Scrubber) scrubXML(body []byte) []byte {
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.Strict = false
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	x := &xmlScrubber{Scrubber: s}
	x.out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
	for {
		token, err := dec.RawToken()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.file.replaced++
			}
			return append(x.out.Bytes(), '\n')
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(x.names) >= deepest {
				return append(x.out.Bytes(), '\n')
			}
			x.start(t)
		case xml.EndElement:
			x.end()
		case xml.CharData:
			if len(x.text) < longestText { // what is longer is replaced as a whole anyhow
				x.text += strings.TrimSpace(string(t))
			}
		default:
			s.file.replaced++
		}
	}
}

func (x *xmlScrubber) start(t xml.StartElement) {
	x.flush()
	shown := strings.ReplaceAll(x.name(t.Name.Local), " ", "_")
	fmt.Fprintf(&x.out, "\n%s<%s", strings.Repeat("  ", len(x.names)), shown)
	for _, a := range t.Attr {
		if a.Name.Local == "name" {
			fmt.Fprintf(&x.out, ` name="%s"`, html.EscapeString(x.Scrubber.text(field{name: t.Name.Local}, a.Value)))
		} else {
			x.file.replaced++
		}
	}
	x.out.WriteByte('>')
	x.names = append(x.names, shown)
	x.field, x.leaf = fieldOf(t.Name.Local, unknown), true
}

// flush writes the text read so far.
func (x *xmlScrubber) flush() {
	if x.text != "" {
		x.out.WriteString(html.EscapeString(x.Scrubber.text(x.field, x.text)))
	}
	x.text = ""
}

func (x *xmlScrubber) end() {
	x.flush()
	if len(x.names) == 0 {
		return
	}
	last := len(x.names) - 1
	if !x.leaf {
		x.out.WriteString("\n" + strings.Repeat("  ", last))
	}
	fmt.Fprintf(&x.out, "</%s>", x.names[last])
	x.names, x.leaf = x.names[:last], false
}

// rowLabels are the rows of the HTML /production of firmware 3.
var rowLabels = map[string]bool{"Currently": true, "Today": true, "Past Week": true, "Since Installation": true}

// amountForm is what stands in them.
var amountForm = regexp.MustCompile(`^[0-9]{1,7}(?:\.[0-9]{1,4})? +[kMG]?Wh?$`)

// scrubHTML writes a page anew: of /production the rows of its table, of any
// other nothing but its status.
func (s *Scrubber) scrubHTML(body []byte, status int) []byte {
	s.file.replaced++
	var rows strings.Builder
	if doc, err := goquery.NewDocumentFromReader(bytes.NewReader(body)); err == nil {
		doc.Find("tr").Each(func(_ int, row *goquery.Selection) {
			cells := row.ChildrenFiltered("td")
			label, amount := strings.TrimSpace(cells.Eq(0).Text()), strings.TrimSpace(cells.Eq(1).Text())
			if rowLabels[label] && amountForm.MatchString(amount) {
				fmt.Fprintf(&rows, "<tr><td>%s</td><td>%s</td></tr>\n", s.keep(label), s.keep(amount))
			}
		})
	}
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	if rows.Len() == 0 {
		return fmt.Appendf(nil, "<html><head><title>%s</title></head><body></body></html>\n", title)
	}
	return fmt.Appendf(nil, "<html><head><title>%s</title></head><body><table>\n%s</table></body></html>\n", title, rows.String())
}
