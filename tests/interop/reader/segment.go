package main

// docs/formats/segment.md

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"sort"
	"strconv"
	"unicode/utf8"
)

// A refusal of bytes that are not in the one accepted form; every other error is of what well-formed bytes claim.
type malformed struct{ reason string }

func (m malformed) Error() string { return m.reason }

// rowsOfBatch gives the rows of a batch by what a header begins with.
var rowsOfBatch = map[string]int{"COFSEG01": 1024, "COFSEG02": 128}

const paddedRows, pageBatches = 1024, 32

func hash(parts ...[]byte) []byte {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return sum[:]
}

func tag(name string) []byte { return []byte("coffer/v1/" + name + "\n") }

func u16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

func u32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func u64(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.rest) {
		if c.err == nil {
			c.err = malformed{"bytes end too early"}
		}
		return make([]byte, min(max(n, 0), 64))
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) number(n int) int {
	value := 0
	for _, b := range c.take(n) {
		value = value<<8 | int(b)
	}
	return value
}

func (c *cursor) prefixed() []byte { return c.take(c.number(4)) }

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

type commitment struct {
	Mask int    `json:"mask"`
	Com  string `json:"com"`
}

// Header holds what both forms of a header say.
type Header struct {
	SegID        string       `json:"seg_id"`
	Hash         string       `json:"hash"`
	Stripped     string       `json:"stripped"`
	Day          int          `json:"day"`
	Kind         int          `json:"kind"`
	Layout       int          `json:"layout"`
	Custodians   int          `json:"custodians"`
	Part         int          `json:"part"`
	Canon        int          `json:"canon"`
	Rule         string       `json:"rule"`
	Feed         string       `json:"feed"`
	Home         string       `json:"home"`
	Roster       string       `json:"roster"`
	Commitments  []commitment `json:"commitments"`
	Rows         int          `json:"rows"`
	RowBytes     int          `json:"row_bytes"`
	ManifestHash string       `json:"manifest_hash"`
	Supersedes   string       `json:"supersedes"`
	segID        []byte
	manifestHash []byte
	batchRows    int
	isPaged      bool
}

// ownBits stand for one field: the number of the row's own party, there if rows are found by IMEI, by IMSI or by both.
const ownBits = 32 | 64

var extraBytes = []struct{ bit, size int }{{1, 8}, {2, 8}, {4, 8}, {8, 16}, {16, 64}, {ownBits, 8}}

// name reads a name with zeros behind it.
func name(padded []byte) (string, error) {
	text := bytes.TrimRight(padded, "\x00")
	for _, b := range text {
		if b < 0x20 || b > 0x7e {
			return "", malformed{"a name that is not printable ASCII"}
		}
	}
	if len(text) == 0 {
		return "", malformed{"an empty name"}
	}
	return string(text), nil
}

func parseHeader(raw []byte, isStripped bool) (*Header, error) {
	c := &cursor{rest: raw}
	core := c.take(160)
	if c.err != nil {
		return nil, c.err
	}
	h := &Header{
		Day: int(binary.BigEndian.Uint32(core[8:])), Kind: int(core[12]), Layout: int(core[13]), Custodians: int(core[14]),
		Part: int(binary.BigEndian.Uint32(core[16:])), Canon: int(core[20]), Roster: hex.EncodeToString(core[48:80]),
	}
	clauses := int(core[15])
	var err error
	if h.Rule, err = name(core[28:32]); err != nil {
		return nil, err
	}
	if h.Feed, err = name(core[32:48]); err != nil {
		return nil, err
	}
	home := core[112:128]
	switch {
	case rowsOfBatch[string(core[:8])] == 0 || core[21] != 1 || !bytes.Equal(core[22:28], make([]byte, 6)):
		return nil, malformed{"other fixed bytes"}
	case h.Layout&32 != 0 && h.Layout&2 == 0 || h.Layout&64 != 0 && h.Layout&4 == 0:
		return nil, malformed{"rows found by what they do not carry"}
	case h.Kind < 1 || h.Kind > 3 || h.Layout > 127 || h.Custodians < 1 || h.Custodians > 9 || clauses < 1:
		return nil, malformed{"kind, layout, custodians or clauses out of range"}
	case h.Canon == 1 && !bytes.Equal(home, make([]byte, 16)):
		return nil, malformed{"a home country with canon 1"}
	case h.Canon == 2 && (home[0] < 'A' || home[0] > 'Z' || home[1] < 'A' || home[1] > 'Z' || !bytes.Equal(home[2:], make([]byte, 14))):
		return nil, malformed{"a home country that is not two capital letters"}
	case h.Canon != 1 && h.Canon != 2:
		return nil, malformed{"another canon"}
	}
	h.Home = string(bytes.TrimRight(home, "\x00"))
	var pairs []byte
	last := 0
	for i := 0; i < clauses; i++ {
		mask, com := c.number(2), c.take(32)
		if c.err == nil && (mask <= last || mask >= 1<<h.Custodians) {
			return nil, malformed{"clause masks that do not ascend, or name no custodian"}
		}
		last = mask
		pairs = append(append(pairs, u16(mask)...), com...)
		h.Commitments = append(h.Commitments, commitment{mask, hex.EncodeToString(com)})
	}
	var bundles []byte
	for i := 0; i < h.Custodians; i++ {
		if isStripped {
			bundles = append(bundles, c.take(32)...)
		} else if bundle := c.prefixed(); len(bundle) > 0 {
			bundles = append(bundles, hash(bundle)...)
		} else {
			bundles = append(bundles, make([]byte, 32)...)
		}
	}
	tail := c.rest
	h.Rows = c.number(8)
	rowsOfBatches := c.number(4)
	h.manifestHash = c.take(32)
	supersedes := c.take(32)
	c.take(32 * h.Custodians)
	if c.err != nil {
		return nil, c.err
	}
	if len(c.rest) > 0 {
		return nil, malformed{"bytes behind the header"}
	}
	h.batchRows, h.isPaged = rowsOfBatch[string(core[:8])], string(core[:8]) == "COFSEG02"
	if rowsOfBatches != h.batchRows || h.Rows < paddedRows || h.Rows%paddedRows != 0 || h.Rows > 1<<28 {
		return nil, malformed{"another number of rows"}
	}
	stripped := bytes.Join([][]byte{core, pairs, bundles, tail}, nil)
	h.segID = hash(tag("segment"), core)
	h.SegID, h.Hash, h.Stripped = hex.EncodeToString(h.segID), hex.EncodeToString(hash(tag("header"), stripped)), hex.EncodeToString(stripped)
	h.ManifestHash, h.Supersedes = hex.EncodeToString(h.manifestHash), hex.EncodeToString(supersedes)
	h.RowBytes = 24
	for _, field := range extraBytes {
		if h.Layout&field.bit != 0 {
			h.RowBytes += field.size
		}
	}
	return h, nil
}

// Keys

func commit(segID []byte, mask int, subkey []byte) []byte {
	return hash(tag("subkey-commit"), segID, u16(mask), subkey)
}

func effectiveKey(segID []byte, mask int, subkey []byte) []byte {
	mac := hmac.New(sha256.New, subkey)
	mac.Write(bytes.Join([][]byte{tag("effkey"), segID, u16(mask)}, nil))
	return mac.Sum(nil)
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] ^ b[i]
	}
	return out
}

// cmac is AES-CMAC (NIST SP 800-38B) of a message of two whole blocks.
func cmac(key, message []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	subkey := make([]byte, 16)
	block.Encrypt(subkey, subkey)
	carry := subkey[0] >> 7
	for i := range subkey {
		subkey[i] <<= 1
		if i+1 < len(subkey) {
			subkey[i] |= subkey[i+1] >> 7
		}
	}
	subkey[15] ^= 0x87 * carry
	state := make([]byte, 16)
	block.Encrypt(state, message[:16])
	state = xor(xor(state, message[16:]), subkey)
	block.Encrypt(state, state)
	return state
}

const laneLabel, laneData = 1, 2

func prfMessage(sid []byte, lane, kind, rank int) []byte {
	return bytes.Join([][]byte{sid, []byte("C1"), {byte(lane), byte(kind)}, make([]byte, 8), u32(rank)}, nil)
}

// combine gives y: the XOR over all clauses.
func combine(effective [][]byte, message []byte) []byte {
	y := make([]byte, 16)
	for _, key := range effective {
		y = xor(y, cmac(key, message))
	}
	return y
}

func pad(segID, y []byte, j int) []byte {
	block, err := aes.NewCipher(hash(tag("pi"), segID))
	if err != nil {
		panic(err)
	}
	z := append([]byte(nil), y...)
	z[15] ^= byte(j)
	out := make([]byte, 16)
	block.Encrypt(out, z)
	return xor(out, z)
}

// Row holds the fields of an opened row. Short and long are the texts as they stand; a text that was cut is its 31 bytes in hex, "~" and its hash.
type Row struct {
	PeerType    int    `json:"peer_type"`
	Peer        int    `json:"peer"`
	Second      int    `json:"second"`
	DurationS   int    `json:"duration_s"`
	Direction   int    `json:"direction"`
	IsAnswered  bool   `json:"is_answered"`
	IsSaturated bool   `json:"is_saturated"`
	IsLast      bool   `json:"is_last"`
	Cell        uint64 `json:"cell"`
	IMEI        uint64 `json:"imei"`
	IMSI        uint64 `json:"imsi"`
	Own         uint64 `json:"own"`
	Short       string `json:"short"`
	Long        string `json:"long"`
	IsCut       bool   `json:"is_cut"`
}

var errAnotherRow = errors.New("not the row that was sealed")

func readString(raw []byte) (text string, isCut bool, err error) {
	length := int(raw[0])
	if len(raw) == 64 && length == 0xff {
		return hex.EncodeToString(raw[33:]) + "~" + hex.EncodeToString(raw[1:33]), true, nil
	}
	if length >= len(raw) || len(bytes.Trim(raw[1+length:], "\x00")) > 0 || !utf8.Valid(raw[1:1+length]) {
		return "", false, errAnotherRow
	}
	return string(raw[1 : 1+length]), false, nil
}

// verifyParty refuses a number that has not the form of its type.
func verifyParty(kind, number int) (err error) {
	switch kind {
	case 1:
		if number < 1 || number >= 1_000_000_000_000_000 {
			err = errAnotherRow
		}
	case 3:
		_, _, err = unpackShortPeer(number)
	case 4, 5, 6:
		_, err = unpackDialled(kind, number)
	default:
		if number != 0 {
			err = errAnotherRow
		}
	}
	return err
}

func parseRow(core, extra []byte, layout int) (*Row, error) {
	bits := new(big.Int).SetBytes(core)
	field := func(low, width uint) int {
		mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), width), big.NewInt(1))
		return int(new(big.Int).And(new(big.Int).Rsh(bits, low), mask).Int64())
	}
	flags := field(32, 5)
	row := &Row{
		PeerType: field(124, 4), Peer: field(74, 50), Second: field(57, 17), DurationS: field(37, 20), Direction: flags >> 3,
		IsAnswered: flags&4 != 0, IsSaturated: flags&2 != 0, IsLast: flags&1 != 0,
	}
	if field(0, 32) != 0 || row.Second >= 86_400 || row.PeerType > 6 {
		return nil, errAnotherRow
	}
	err := verifyParty(row.PeerType, row.Peer)
	if err != nil {
		return nil, err
	}
	c := &cursor{rest: extra}
	for _, item := range extraBytes {
		if layout&item.bit == 0 {
			continue
		}
		raw := c.take(item.size)
		if c.err != nil {
			return nil, c.err
		}
		switch item.bit {
		case 1:
			row.Cell = binary.BigEndian.Uint64(raw)
		case 2:
			row.IMEI = binary.BigEndian.Uint64(raw)
		case 4:
			row.IMSI = binary.BigEndian.Uint64(raw)
		case 8:
			row.Short, _, err = readString(raw)
		case 16:
			row.Long, row.IsCut, err = readString(raw)
		case ownBits:
			row.Own = binary.BigEndian.Uint64(raw)
			kind := int(row.Own >> 60)
			if row.Own&1023 != 0 || kind == 2 || kind > 6 {
				return nil, errAnotherRow
			}
			err = verifyParty(kind, int(row.Own>>10&(1<<50-1)))
		}
		if err != nil {
			return nil, err
		}
	}
	if (row.PeerType == 2) != (row.Short != "" || row.Long != "") {
		return nil, errAnotherRow
	}
	return row, nil
}

func formatCell(cell uint64) string {
	return fmt.Sprintf("%03d-%02d-%d-%d", cell>>54, cell>>44&1023, cell>>28&65535, cell&(1<<28-1))
}

var cellPattern = regexp.MustCompile(`^([0-9]{3})-([0-9]{1,3})-([0-9]{1,5})-([0-9]{1,9})$`)

func packCell(text string) (packed uint64, err error) {
	match := cellPattern.FindStringSubmatch(text)
	if match == nil {
		return 0, malformed{"not a cell"}
	}
	var part [4]uint64
	for i := range part {
		if part[i], err = strconv.ParseUint(match[i+1], 10, 64); err != nil {
			return 0, err
		}
	}
	if part[0] == 0 || part[2] >= 1<<16 || part[3] >= 1<<28 {
		return 0, malformed{"a cell beyond its bounds"}
	}
	return part[0]<<54 | part[1]<<44 | part[2]<<28 | part[3], nil
}

func unpackShortPeer(packed int) (country, digits string, err error) {
	first, text := packed>>40, fmt.Sprint(packed&(1<<40-1))
	if first >= 676 || len(text) < 4 || len(text) > 12 || text[0] != '1' {
		return "", "", errAnotherRow
	}
	return string([]byte{byte('A' + first/26), byte('A' + first%26)}), text[1:], nil
}

func unpackDialled(peerType, peer int) (string, error) {
	size, shorter := 0, 0
	for below := 1; below <= peer && size < 16; below = below*10 + 1 {
		size, shorter = size+1, below
	}
	digits := fmt.Sprintf("%0*d", size, peer-shorter)
	switch {
	case peerType == 4 && size >= 1 && size <= 15:
		return digits, nil
	case peerType == 5 && (size == 14 || size == 15):
		return "00" + digits, nil
	case peerType == 6 && size == 15:
		return digits + "~", nil
	}
	return "", errAnotherRow
}

// Segment is one whose header, manifest and subkeys belong together.
type Segment struct {
	header    *Header
	manifest  []byte // the entries of all batches
	rows      []byte
	effective [][]byte
}

func openSegment(rawHeader, manifest, rows []byte, subkeys map[int][]byte) (*Segment, error) {
	header, err := parseHeader(rawHeader, false)
	if err != nil {
		return nil, err
	}
	entries, err := readManifest(header, manifest)
	if err != nil {
		return nil, err
	}
	if len(rows) != header.Rows*header.RowBytes {
		return nil, errors.New("another number of rows")
	}
	s := &Segment{header: header, manifest: entries, rows: rows}
	for _, pair := range header.Commitments {
		subkey, isThere := subkeys[pair.Mask]
		if !isThere || hex.EncodeToString(commit(header.segID, pair.Mask, subkey)) != pair.Com {
			return nil, fmt.Errorf("subkey of clause %d is missing, or not the committed one", pair.Mask)
		}
		s.effective = append(s.effective, effectiveKey(header.segID, pair.Mask, subkey))
	}
	return s, nil
}

// readManifest proves a manifest file and gives the entries of all batches.
func readManifest(h *Header, manifest []byte) ([]byte, error) {
	batches := h.Rows / h.batchRows
	pages := (batches + pageBatches - 1) / pageBatches
	head := manifest
	if h.isPaged {
		if len(manifest) != 40*(pages+batches) {
			return nil, errors.New("the manifest is not the one in the header")
		}
		head = manifest[:40*pages]
	}
	isWhole := h.isPaged || len(head) == 40*batches
	if !isWhole || !bytes.Equal(hash(tag("manifest"), h.segID, u64(h.Rows), head), h.manifestHash) {
		return nil, errors.New("the manifest is not the one in the header")
	}
	if !h.isPaged {
		return head, nil
	}
	entries := manifest[len(head):]
	for p := 0; p < pages; p++ {
		page := entries[40*pageBatches*p : min(40*pageBatches*(p+1), len(entries))]
		named := append(append([]byte{}, page[:8]...), hash(tag("manifest-page"), h.segID, u32(p), page)...)
		if !bytes.Equal(named, head[40*p:40*p+40]) {
			return nil, fmt.Errorf("page %d is not the one in the directory", p)
		}
	}
	return entries, nil
}

// find gives the rows that begin with a label, from batches that are proven first.
func (s *Segment) find(label []byte) ([][]byte, error) {
	batchRows := s.header.batchRows
	batches := s.header.Rows / batchRows
	first := func(b int) []byte { return s.manifest[40*b : 40*b+8] }
	from := sort.Search(batches, func(b int) bool { return bytes.Compare(first(b), label) >= 0 }) - 1
	to := sort.Search(batches, func(b int) bool { return bytes.Compare(first(b), label) > 0 })
	var hits [][]byte
	for b := max(from, 0); b < to; b++ {
		batch := s.rows[b*batchRows*s.header.RowBytes : (b+1)*batchRows*s.header.RowBytes]
		if !bytes.Equal(hash(tag("batch"), s.header.segID, u32(b), batch), s.manifest[40*b+8:40*b+40]) {
			return nil, fmt.Errorf("batch %d is not the one in the manifest", b)
		}
		for at := 0; at < len(batch); at += s.header.RowBytes {
			if bytes.Equal(batch[at:at+8], label) {
				hits = append(hits, batch[at:at+s.header.RowBytes])
			}
		}
	}
	return hits, nil
}

func (s *Segment) open(row, y []byte) (*Row, error) {
	sealed := row[8:]
	var pads []byte
	for j := 0; len(pads) < len(sealed); j++ {
		pads = append(pads, pad(s.header.segID, y, j)...)
	}
	plain := xor(sealed, pads[:len(sealed)])
	return parseRow(plain[:16], plain[16:], s.header.Layout)
}

// rowsOf walks the ranks of a subject until one is not there.
func (s *Segment) rowsOf(sid []byte) ([]*Row, error) {
	found := []*Row{}
	for rank := 0; ; rank++ {
		kind := s.header.Kind
		label := combine(s.effective, prfMessage(sid, laneLabel, kind, rank))[:8]
		hits, err := s.find(label)
		if err != nil {
			return nil, err
		}
		var row *Row
		for _, hit := range hits {
			if row, err = s.open(hit, combine(s.effective, prfMessage(sid, laneData, kind, rank))); err == nil {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		found = append(found, row)
	}
	for rank, row := range found {
		if row.IsLast != (rank == len(found)-1) {
			return nil, fmt.Errorf("LAST on rank %d of %d", rank, len(found))
		}
	}
	return found, nil
}
