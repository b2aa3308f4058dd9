package page

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"envoyd/internal/sim/site"
)

// major is the first number of the firmware.
func (g *Gateway) major() int {
	head, _, _ := strings.Cut(g.Identity().Firmware, ".")
	n, err := strconv.Atoi(head)
	if err != nil {
		return 0
	}
	return n
}

// atLeast compares firmware by its dotted numbers.
func (g *Gateway) atLeast(version string) bool {
	have, want := strings.Split(g.Identity().Firmware, "."), strings.Split(version, ".")
	for i := range min(len(have), len(want)) {
		a, errA := strconv.Atoi(have[i])
		b, errB := strconv.Atoi(want[i])
		if errA != nil || errB != nil {
			return false
		}
		if a != b {
			return a > b
		}
	}
	return len(have) >= len(want)
}

// info is /info, the same from the oldest firmware to the newest.
func (g *Gateway) info(now time.Time) site.Page {
	id := g.Identity()
	var extra strings.Builder
	if g.major() >= 4 {
		fmt.Fprintf(&extra, "    <imeter>%t</imeter>\n", g.metered())
	}
	tokens := ""
	if id.Tokens() {
		tokens = "  <web-tokens>true</web-tokens>\n" //nolint:gosec // an XML element
	}
	body := fmt.Sprintf(infoXML, now.Unix(), id.Serial, g.partNumber(), id.Firmware, extra.String(), tokens, padded(id.Firmware))
	return site.Page{Body: []byte(body), Header: http.Header{
		"Content-Type": {"text/xml"}, "Pragma": {"no-cache"}, "Expires": {"1"}, "Cache-Control": {"no-cache"},
	}}
}

// metered says whether there is CT hardware.
func (g *Gateway) metered() bool { return len(g.cfg.CTs)+len(g.cfg.Disabled) > 0 }

// partNumber is a board that had such a firmware.
func (g *Gateway) partNumber() string {
	switch {
	case g.major() < 4:
		return "800-00069-r05"
	case g.cfg.Home.Config().Phases == 2:
		return "800-00664-r05"
	case g.metered():
		return "800-00654-r08"
	}
	return "800-00656-r06"
}

// padded writes 8.2.4345 as packages do: 08.02.4345.
func padded(firmware string) string {
	parts := strings.Split(firmware, ".")
	for i := range min(2, len(parts)) {
		parts[i] = fmt.Sprintf("%02s", parts[i])
	}
	return strings.Join(parts, ".")
}

const infoXML = `<?xml version='1.0' encoding='UTF-8'?>
<envoy_info>
  <time>%d</time>
  <device>
    <sn>%s</sn>
    <pn>%s</pn>
    <software>D%s</software>
    <euaid>4c8675</euaid>
    <seqnum>0</seqnum>
    <apiver>1</apiver>
%s  </device>
%s  <package name='app'>
    <pn>500-00002-r01</pn>
    <version>%s</version>
    <build>5f4d83</build>
  </package>
  <build_info>
    <build_id>release-21.xx:pkg-Jul-31-24-15:29:57</build_id>
    <build_time_gmt>1722440021</build_time_gmt>
  </build_info>
</envoy_info>
`
