expr {1 + 2 * 3}

expr {-7 / 2}

expr {-7 % 3}

expr {7 % -3}

expr {1.0 / 3}

expr {2.5 * 2}

expr {1e3}

expr {0x1f + 010}

expr {1 << 4 | 3 & 6 ^ 1}

expr {-8 >> 1}

expr {!0 && (1 || [error no])}

expr {0 && [error no]}

expr {1 ? "yes" : [error no]}

expr {5 > 3 == 1}

expr {"abc" < "abd"}

expr {"10" == "10.0"}

expr {"10" eq "10.0"}

expr {"010" eq "8"}

expr {"010" == 8}

expr {"a" ne "b"}

expr {~5}

expr {- -3}

expr {1 / 0}

expr {"a" + 1}

expr {int(3.9) + round(2.5) + abs(-4)}

expr {double(3)}

expr {sqrt(2)}

expr {pow(2.0, 0.5)}

expr {fmod(7.5, 2)}

expr {floor(-1.5)}

# 8.6 words the error differently.
expr {1 +}

# 8.6 words the error differently.
expr {(1}

set x 5; expr {$x * $x}

set x 5; expr $x+$x

expr {"a b" eq {a b}}

expr 1 + 2

expr {1 ? 2 ? 3 : 4 : 5}

expr {true && yes}

set x 010; incr x

# 8.6 words the error differently.
set x 08; incr x

set x 3; incr x -5

set a 1; set a

set nope

set a(b) c; set a

set a b; set a(b)

set a(b c) 5; set n "b c"; set a($n)

set a(1) x; set a(2) y; lsort [array names a]

array set q {x 1 y 2}; array size q

array set q {x 1 y 2}; lsort [array get q]

array set q {x 1 y 2}; array unset q x; array names q

array exists nothing

unset nothing

set a 1; unset a; info exists a

set l {}; lappend l a "b c" {} \{ ; set l

lappend l2 {$x} {[y]} "a\nb" \\ ; set l2

list a b\ c {d e} \{ \" \[x \$y {} \;

list "#a" b

list a "#b"

list "a\\" "b\{c"

concat { a b } {c} {} {d   e }

llength {a {b c} "d e" f\ g}

lindex {a b c} end

lindex {a b c} end-1

lindex {a {b c} d} 1 0

lindex {a {b c} d} {1 1}

lindex {a b} 7

# 8.6 words the error differently.
lindex {a b} x

lindex "{a" 0

lrange {a b c d} 1 end-1

lrange {a b c d} -5 1

lrange {a b c} 2 1

linsert {a b c} 1 x y

linsert {a b c} end x

linsert {a b c} 99 x

lreplace {a b c d} 1 2 x y z

lreplace {a b c} 0 0

lsort {b a C 10 9}

lsort -integer {10 9 2}

lsort -dictionary {a10 a9 A1 b}

lsort -decreasing -unique {a b a c}

lsort -real {1.5 1.25 -3}

lsort -index 1 {{a 3} {b 1} {c 2}}

lsort -integer {a a}

lsearch {a b c} b

lsearch -exact {a* b} a*

lsearch -glob {abc xyz} x*

lsearch -all {a b a} a

lsearch -all -inline -not {a b a} a

lsearch -regexp {abc x12} {[0-9]+}

lsearch {a b} z

set l {a {b c} d}; lset l 1 0 X; set l

set l {a b}; lset l 5 X

join {a b c} ,

join {a {b c} d} ""

split a,b,,c ,

split "a b\tc"

split abc ""

split "" ,

split "a.b:c" .:

string length hello

string index hello 1

string index hello end

string index hello 99

string range hello 1 3

string range hello 3 1

string range hello -4 end-1

string tolower ABCdef

string toupper abc 1 1

string totitle "hELLO wORLD"

string trim "  a b  "

string trim xxaxx x

string trimleft 0007 0

string trimright "a\n\n"

string first lo hello

string first l hello 3

string first zz hello

string last l hello

string last l hello 2

string match *.com foo.com

string match {a[b-d]?} acx

string match -nocase A* abc

string match {\*} *

string equal abc ABC

string equal -nocase abc ABC

string equal -length 2 abc abd

string compare a b

string compare b a

string repeat ab 3

string replace hello 1 2 EY

string replace hello 1 2

string replace hello 9 10 x

string map {a 1 b 2} abcab

string map {ab X a Y} aab

string map {a} x

string is integer 12

string is integer " 12 "

string is integer 1x

string is double 1.5e3

string is alpha abC

string is alpha ""

string is alpha -strict ""

string is xdigit 0aF

string is boolean maybe

string is true yes

string is space " \n"

# 8.6 words the error differently.
string bogus x

format %d 42

format %5d|%-5d|%05d 42 42 42

format %+d 5

format %x 255

format %X 255

format %#x 255

format %o 8

format %s|%10s|%-10s abc abc abc

format %.2s abcdef

format %c 65

format %5.2f 3.14159

format %e 12345.678

format %g 0.0001

format %g 1e20

format %% 

format %*d 5 42

format {%2$s %1$s} a b

format %d abc

format %d

format %3\$s a

format %u 5

format %5.3d 7

format %08.3f -3.14159

scan "12 abc 3.5" "%d %s %f" a b c; list $a $b $c

scan "12 abc" "%d %s %f" a b c

scan 0x1f %x

scan 255 %o

scan abc %c

scan "10.0.0.1" "%d.%d.%d.%d"

scan "10.0.0" "%d.%d.%d.%d"

scan "" %d

scan abc %d

scan "abc123" {%[a-z]%d}

scan "abc]" {%[]abc]}

scan "a:b" {%[^:]:%s}

scan 12345 %2d%d

scan "x 5" "x %d"

scan "5 6" "%*d %d"

scan hello %n

scan 00ff %4x

scan -17 %d

binary scan [binary format a5 abc] H* x; set x

binary scan [binary format A5 abc] H* x; set x

binary scan [binary format c 65] H* x; set x

binary scan [binary format S 258] H* x; set x

binary scan [binary format s 258] H* x; set x

binary scan [binary format I 16909060] H* x; set x

binary scan [binary format i -1] H* x; set x

binary scan [binary format W 1] H* x; set x

binary scan [binary format c4 {1 2 3 4}] H* x; set x

binary scan [binary format c* {1 2 255}] H* x; set x

binary scan [binary format H* 0d0a0d0a000d0a515549540a] H* x; set x

binary scan [binary format H3 abc] H* x; set x

binary scan [binary format h4 1234] H* x; set x

binary scan [binary format B8 10000001] H* x; set x

binary scan [binary format b10 1100000001] H* x; set x

binary scan [binary format x3a1 Z] H* x; set x

binary scan [binary format a3X1a1 abc Z] H* x; set x

binary scan [binary format a1@4a1 x y] H* x; set x

binary scan [binary format f 1.5] H* x; set x

binary scan [binary format d 1.5] H* x; set x

binary format S abc

binary format S

binary format S2 {1}

binary scan \x01\x02\x03\x04 c* x; set x

binary scan \xff\xfe c2 x; set x

binary scan \x00\x10 S x; set x

binary scan \xff\xff S x; set x

binary scan abc a2 x; set x

binary scan abc a5 x

binary scan "ab  " A* x; set x

binary scan \x12\x34 H3 x; set x

binary scan \x12\x34 h* x; set x

binary scan \x81 B8 x; set x

binary scan \x81 b4 x; set x

binary scan abcdef x2a2X1a1 x y; list $x $y

binary scan abcdef @3a1 x; set x

binary scan \x00\x00\xc0\x3f f x; set x

binary scan abc Z x

string length [binary format H* fffefd]

regexp {^(\d+)\.(\d+)$} 10.20 all a b; list $all $a $b

regexp {x} abc

regexp -nocase ABC xabcx

regexp -all {a} banana

regexp -inline {b(.)n} banana

regexp -all -inline {[an]{2}} banana

regexp -indices {n(a)} banana x y; list $x $y

regexp -start 3 a banana

regexp {a|b} zzb m; set m

regexp {(a)|(b)} b all one two; list $all $one $two

regexp {[^]]} x

regexp {[[:space:]]} "a b"

regexp -- -x a-x

regexp "\\\[" {a[b}

regsub a banana X

regsub -all a banana X

regsub -all {(.)n} banana {<\1&>} r; set r

regsub x banana Y r

regsub -all {x*} abc -

regsub a banana {\\&} 

if {1} {set r a} else {set r b}

if {0} then {set r a} elseif {1} {set r c} else {set r b}

if 0 {set r a}

if {1}

set i 0; while {$i < 5} {incr i; if {$i == 3} continue; if {$i == 4} break}; set i

set s ""; for {set i 0} {$i < 4} {incr i} {append s $i}; set s

set s ""; foreach {a b} {1 2 3} {append s "<$a$b>"}; set s

set s ""; foreach a {1 2} b {x y z} {append s $a$b}; set s

foreach {} {1 2} {}

switch b {a {set r 1} b {set r 2} default {set r 3}}

switch -glob foobar {foo* {set r glob} default {set r no}}

switch -regexp -- -x {^-x$ {set r re} default {set r no}}

switch -exact x a {set r 1} default {set r d}

switch a {a - b {set r fall}}

switch x {a 1}

switch a {a}

# 8.6 words the error differently.
switch -bogus a {a 1}

proc f {a {b 2} args} {list $a $b $args}; list [f 1] [f 1 3 4 5]

proc f {a} {return $a; set never 1}; f 7

proc f {a} {}; f

proc f {a} {}; f 1 2

proc f {} {upvar 1 v w; set w 9}; set v 1; f; set v

proc f {n} {upvar $n w; incr w}; set v 1; f v; f v; set v

proc f {} {global g; set g 5}; f; set g

proc f {} {uplevel 1 {set z 3}}; f; set z

proc f {n} {if {$n <= 1} {return 1}; expr {$n * [f [expr {$n - 1}]]}}; f 10

proc f {} {return -code error oops}; catch {f} m; set m

proc f {} {break}; foreach x {1 2} {catch {f} m}; set m

proc f {name} {upvar 1 $name arr; set arr(x) 1}; f q; array get q

catch {error boom} m; set m

catch {return 5} m

catch {break}

catch {set ok 1} m; list [catch {set ok 1}] $m

error "a message"

error

nosuchcommand a b

eval set a 5; set a

eval {set a 6}

set v 7; subst {a $v [expr {1+1}] \x41}

subst -nocommands {[x] \n}

subst -novariables {$x [list 1]}

set a "x[set b y]z"

set a "\$b \[c\] \{d\}"

set a {x\
   y}

set a b\
   ; set a

# a comment \
set a 1
set b 2

set a 1;# comment

set {a b} 5; set c ${a b}

set a x; set b "${a}y"

set x $

set x "$ a"

set x "a$"

list {a}b

set x "a"b

set x [list a]b

set x {a}{b}

set a 5; info exists a

append s a b c

append s

set s x; append s

info complete {set a \{}

info complete "set a \{"

string length "\u00e9"

set x "\101\x42\n\t\a\\"

set x \a

list [set a 1] [set a 2]

set a {1 2}; set b "$a(x"

lindex [list [expr {1 == 1.0}] [expr {"1 " == 1}]] 1

expr {"" == 0}

expr {" 5 " + 1}

expr {"0x10" + 1}

expr {"1e2" + 0}

expr {1 != 2 ? "a" : "b"}

expr {"true" ? 1 : 0}

expr {"abc" ? 1 : 0}

expr {!"abc"}

expr {1.5 % 2}

expr {1 << -1}

expr {9223372036854775807}

expr {3.0}

expr {3.10}

expr {1e-5}

expr {123456789012.5}

expr {0.1 + 0.2}

expr {1 == 1 && 2 != 3 || 0}

expr {(1 + 2) * (3 + 4)}

expr {{a} eq "a"}

expr {[list a b] eq "a b"}

lindex {a "b c" {d "e"}} 2

set parts [split 2001:db8::1 :]; llength $parts

set out ""; foreach p {20 1 db8} {append out [format %04s $p]}; set out

set h [format %04x 0x2a]; binary scan [binary format H* $h] S v; set v

string range 0000[format %x 4660] end-3 end

format %04s ab

scan "dead" %x v; set v

binary scan [binary format SS 443 65535] H* x; set x

binary scan [binary format cc 0x21 0x11] H* x; set x

binary scan [eval binary format cccc [split 10.0.0.1 .]] H* x; set x

lreplace {a b} 5 6 x

uplevel #0 {set q 4}

proc f {} {uplevel #0 {set q 4}}; f; set q

upvar

proc p args {llength $args}; p 1 2 3

string match {[} x

lrange {a b c} end end

while {0} {}

for {set i 0} {$i<3} {incr i} {if {$i==1} {continue}; lappend r $i}; set r

set l [list 1 2 3]; foreach x $l {if {$x == 2} {break}}; set x

regsub -all -nocase A banana o

regexp {a{2}} baab

regexp {(?i)ABC} abc

regexp -line {^b$} "a\nb\nc"

split "a\\ b" " "

join [list a "b\\"] -

llength "a\{b c"

list a\{b

list "a b\\"

list "\{a b"

list "x\}"

list "x\}y z"

regsub -all {o*} foo X

regsub -all {b*} abb -

regexp -all {o*} foo

regexp -all -inline {o*} foo

regexp -all {x*} abc

regsub -all {$} abc -

regsub -all {^a} aaa -

list "a\"b" "a]b c" {a\b} "a\]b\\"  "]" "a\]\{" "\"x" "x y\"" {#} "a#"
