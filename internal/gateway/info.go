package gateway

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"envoyd/internal/firmware"
	"envoyd/internal/trust"
)

const (
	infoPath   = "/info" // /info.xml is 404 on the gateways with a display
	maxInfo    = 256 << 10
	maxDepth   = 8
	maxElement = 256 // bytes of one text
	// tokenFirmware is where digest ends and web tokens begin.
	tokenFirmware firmware.Version = "7"
)

// NeedsToken reports whether the gateway wants a web token: firmware 7 or
// later, or the element web-tokens at /info.
func (i Info) NeedsToken() bool { return i.WebTokens || i.Firmware.AtLeast(tokenFirmware) }

// identify asks /info over l. Nothing secret is sent.
func (l *link) identify(ctx context.Context) (Info, error) {
	r, err := l.do(ctx, question{method: http.MethodGet, path: infoPath}, nil)
	if err != nil {
		return Info{}, err
	}
	if r.closes {
		l.closesEach()
	}
	return l.infoFrom(r)
}

// infoFrom reads the answer to /info.
func (l *link) infoFrom(r reply) (Info, error) {
	if err := classifyStatus(r); err != nil {
		return Info{}, fmt.Errorf("%w: %w", ErrNotAGateway, err)
	}
	info, err := parseInfo(r.body)
	if err != nil {
		return Info{}, fmt.Errorf("%w: %w", ErrNotAGateway, err)
	}
	info.Received, info.Address, info.Scheme, info.Key = r.received, l.address, l.target.scheme, l.key
	return info, nil
}

var (
	errInfoShape  = errors.New("/info is not what gateways answer")
	errInfoSerial = errors.New("/info names no serial of 12 digits")
	errInfoTwice  = errors.New("/info says a thing twice and differently")
)

// parseInfo reads the XML of /info. Elements may be missing (imeter before
// 4.2.33, web-tokens before 7); serial and firmware may not. Whatever the
// answer says its content type is does not matter: some firmware says JSON,
// some nothing.
func parseInfo(body []byte) (Info, error) {
	if len(body) > maxInfo {
		return Info{}, ErrTooLarge
	}
	texts, err := collectTexts(body)
	if err != nil {
		return Info{}, err
	}
	info := Info{
		Serial: texts["device/sn"], PartNumber: texts["device/pn"],
		IMeter: isTrue(texts["device/imeter"]), WebTokens: isTrue(texts["web-tokens"]),
		Time: epoch(texts["time"]),
	}
	if trust.CheckSerial(info.Serial) != nil {
		return Info{}, errInfoSerial
	}
	if info.Firmware, err = firmware.Parse(texts["device/software"]); err != nil {
		return Info{}, fmt.Errorf("/info: %w", err)
	}
	return info, nil
}

// collectTexts returns the texts of the elements right below the root and below
// its device element, by their path.
func collectTexts(body []byte) (map[string]string, error) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // what we read is ASCII
	texts := map[string]string{}
	var path []string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(texts) > 0 {
			return texts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errInfoShape, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
			if path[0] != "envoy_info" || len(path) > maxDepth {
				return nil, errInfoShape
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if err := keepText(texts, path, string(t)); err != nil {
				return nil, err
			}
		}
	}
}

func keepText(texts map[string]string, path []string, text string) error {
	wanted := len(path) == 2 || len(path) == 3 && path[1] == "device"
	if text = strings.TrimSpace(text); !wanted || text == "" {
		return nil
	}
	if len(text) > maxElement {
		return errInfoShape
	}
	name := strings.Join(path[1:], "/")
	if old, twice := texts[name]; twice && old != text {
		return errInfoTwice
	}
	texts[name] = text
	return nil
}

// isTrue reads the text "true": a cast of the text "false" once made every
// gateway metered for another program.
func isTrue(s string) bool { return strings.EqualFold(s, "true") || s == "1" }

// epoch reads seconds, whole or not, between 1970 and 9999; zero else.
func epoch(s string) time.Time {
	seconds, err := strconv.ParseFloat(s, 64)
	if err != nil || !(seconds > 0 && seconds < 253402300800) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
