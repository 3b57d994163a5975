"""Which names of the outside do what: sinks, sources, and what passes a call on.

Dotted names as the reading resolves them: `import subprocess as s; s.Popen` is `subprocess.Popen`, and
what a call gives is that name with `()` behind it. Standard library only.
"""

from __future__ import annotations

import re

from analyzer.static.result import Sink
from analyzer.static.values import Mark

_HTTP = r"(?:get|post|put|patch|delete|head|options|request|stream|send|urlopen|open|fetch)"
_PATTERNS: dict[Sink, str] = {
    Sink.NETWORK: (
        rf"(?:requests|httpx|grequests|requests_html|cloudscraper|curl_cffi\.requests|tls_client|niquests)"
        rf"(?:\.api|\.sessions)?(?:\.(?:Session|session|Client|AsyncClient|HTMLSession|create_scraper)\(\))?\.{_HTTP}"
        rf"|urllib3(?:\.(?:PoolManager|ProxyManager|HTTPSConnectionPool|HTTPConnectionPool)\(\))?\.(?:request|urlopen)"
        rf"|aiohttp\.(?:ClientSession\(\)\.{_HTTP}|request)"
        r"|urllib\.request\.(?:urlopen|urlretrieve|URLopener\(\)\.(?:open|retrieve)"
        r"|FancyURLopener\(\)\.(?:open|retrieve)|build_opener\(\)\.open|OpenerDirector\(\)\.open)"
        r"|urllib2?\.(?:urlopen|urlretrieve)|urllib\.request\.Request|dropbox\.Dropbox\(\)\.\w+"
        r"|(?:http\.client|httplib)\.HTTPS?Connection\(\)\.(?:request|connect|endheaders|send)"
        r"|socket\.(?:socket\(\)\.(?:connect|connect_ex|send|sendall|sendto)|create_connection|gethostbyname"
        r"|gethostbyname_ex|getaddrinfo)"
        r"|(?:asyncio\.open_connection|asyncssh\.|paramiko\.SSHClient\(\)\.connect"
        r"|paramiko\.Transport\(\)).*|asyncio\.open_connection"
        r"|ftplib\.FTP(?:_TLS)?(?:\(\)\.(?:connect|login|storbinary|retrbinary))?"
        r"|smtplib\.SMTP(?:_SSL)?(?:\(\)\.(?:sendmail|send_message|login|connect))?"
        r"|telnetlib\.Telnet|websockets?\.(?:connect|create_connection|WebSocketApp)"
        r"|dns\.resolver\.(?:resolve|query)|dns\.resolver\.Resolver\(\)\.(?:resolve|query)"
        r"|xmlrpc\.client\.ServerProxy|wget\.download|pycurl\.Curl\(\)\.perform"
        r"|discord_webhook\.DiscordWebhook(?:\(\)\.execute)?|dhooks\.Webhook(?:\(\)\.send)?"
        r"|discord\.(?:Webhook|SyncWebhook)\.from_url(?:\(\)\.send)?|telebot\.TeleBot(?:\(\)\.send_\w+)?"
        r"|telegram\.Bot(?:\(\)\.send_\w+)?|boto3\.client|pysftp\.Connection"
        r"|http\.client\.HTTPSConnection|socketio\.Client\(\)\.connect"
    ),
    Sink.PROCESS: (
        r"subprocess\.(?:Popen|run|call|check_call|check_output|getoutput|getstatusoutput)"
        r"|os\.(?:system|popen[234]?|startfile|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?)"
        r"|commands\.(?:getoutput|getstatusoutput)|popen2\.\w+|pty\.spawn|pexpect\.(?:spawn|run)"
        r"|asyncio\.create_subprocess_(?:exec|shell)|asyncio\.subprocess\.create_subprocess_\w+|sh\.\w+"
        r"|win32process\.CreateProcess|win32api\.(?:ShellExecute|WinExec)|_winapi\.CreateProcess"
        r"|_posixsubprocess\.fork_exec|distutils\.spawn\.spawn"
        r"|ctypes\.windll\.shell32\.ShellExecute[AW]|ctypes\.windll\.kernel32\.(?:CreateProcess[AW]|WinExec)"
        r"|pip\.(?:main|_internal\.main|_internal\.cli\.main\.main)"
        r"|win32com\.client\.Dispatch\(\)\.(?:Run|Exec|ShellExecute)|runpy\.run_path"
    ),
    Sink.DYNAMIC: (
        r"builtins\.(?:exec|eval|execfile|compile)|marshal\.loads?|(?:c?[pP]ickle|dill|cloudpickle)\.loads?"
        r"|types\.(?:FunctionType|CodeType|LambdaType)|code\.InteractiveInterpreter\(\)\.\w+"
        r"|code\.interact|runpy\.run_module|importlib\.util\.module_from_spec|imp\.load_\w+"
        r"|importlib\.machinery\.SourceFileLoader\(\)\.load_module|ctypes\.pythonapi\.PyRun_SimpleString"
        r"|jsonpickle\.decode|yaml\.unsafe_load"
    ),
    Sink.NATIVE: (
        r"ctypes\.(?:CDLL|PyDLL|WinDLL|OleDLL|cdll\.LoadLibrary|windll\.LoadLibrary)"
        r"|ctypes\.(?:windll|cdll|WinDLL\(\))\.(?:kernel32\.)?(?:VirtualAlloc(?:Ex)?|RtlMoveMemory|CreateThread"
        r"|CreateRemoteThread|WriteProcessMemory|VirtualProtect|EnumSystemLocales\w*|RtlCopyMemory|HeapCreate)"
        r"|ctypes\.(?:windll|WinDLL\(\))\.(?:ntdll\.)?(?:NtCreateThreadEx|RtlAdjustPrivilege|NtRaiseHardError)"
        r"|ctypes\.CFUNCTYPE\(\)\(\)|ctypes\.memmove|cffi\.FFI\(\)\.dlopen"
    ),
}
_SINKS = tuple((sink, re.compile(rf"(?:{pattern})\Z")) for sink, pattern in _PATTERNS.items())

MEMORY = re.compile(
    r".*\.(?:VirtualAlloc(?:Ex)?|RtlMoveMemory|CreateRemoteThread|WriteProcessMemory|NtCreateThreadEx"
    r"|RtlCopyMemory|NtAllocateVirtualMemory|QueueUserAPC)\Z"
)
"""Calls that put code into memory."""
WATCHED = re.compile(
    r"os\.(?:dup2|chmod|remove|unlink|setsid|fork)|shutil\.(?:rmtree|unpack_archive)|sys\.settrace"
    r"|zipfile\.ZipFile\(\)\.extractall|tarfile\.open\(\)\.extractall|win32gui\.ShowWindow"
    r"|ctypes\.windll\.(?:user32\.ShowWindow|kernel32\.(?:IsDebuggerPresent|SetFileAttributesW))"
)
"""Calls that mean something beside others."""
ASKS_NAME = re.compile(r"socket\.(?:gethostbyname|gethostbyname_ex|getaddrinfo)\Z|dns\..*")
SHELLS_OUT = re.compile(r"os\.(?:system|popen\d?)|subprocess\.get(?:status)?output|commands\.\w+")
"""Calls that give their first argument to a shell."""

_SOURCES: dict[str, str] = {
    Mark.ENVIRON: r"os\.environb?|os\.environ\.(?:copy|items|values)\(\)",
    Mark.HOST: (
        r"socket\.(?:gethostname|getfqdn)\(\)|getpass\.getuser\(\)|os\.(?:getlogin|uname)\(\)"
        r"|platform\.(?:node|uname)\(\)|uuid\.(?:getnode|uuid1)\(\)|pwd\.getpw\w+\(\)"
        r"|psutil\.(?:net_if_addrs|users|process_iter|pids|net_connections)\(\)|netifaces\.\w+\(\)"
        r"|GPUtil\.getGPUs\(\)|wmi\.WMI\(\)"
        r"|win32api\.(?:GetComputerName|GetUserName)\(\)"
    ),
    Mark.PLATFORM: r"platform\.\w+\(\)|sys\.(?:platform|version)|os\.name|psutil\.\w+\(\)",
    Mark.SCREEN: (
        r"(?:PIL\.)?ImageGrab\.grab(?:clipboard)?\(\)|pyautogui\.(?:screenshot|typewrite)\(\)|mss\.mss\(\)"
        r"|pyscreenshot\.grab\(\)|pyperclip\.(?:paste|waitForNewPaste)\(\)|win32clipboard\.GetClipboardData\(\)"
        r"|clipboard\.paste\(\)|pynput\.keyboard\.Listener\(\)|keyboard\.(?:on_press|hook|record|on_release)\(\)"
        r"|cv2\.VideoCapture\(\)|sounddevice\.rec\(\)|pyaudio\.PyAudio\(\)|tkinter\.Tk\(\)\.clipboard_get\(\)"
    ),
    Mark.SECRET: (
        r"keyring\.get_(?:password|credential)\(\)|win32crypt\.CryptUnprotectData\(\)"
        r"|browser_?cookie3?\.\w+\(\)|ctypes\.windll\.crypt32\.CryptUnprotectData\(\)"
        r"|winreg\.\w*wallet\w*|browserhistory\.\w+\(\)"
    ),
    Mark.FILE: (
        r"builtins\.open\(\)|io\.open\(\)|codecs\.open\(\)|os\.(?:listdir|walk|scandir)\(\)|glob\.i?glob\(\)"
    ),
    Mark.RESPONSE: (
        r"socket\.socket\(\)\.(?:recv|recvfrom|makefile)\(\)|websocket\.create_connection\(\)\.recv\(\)"
    ),
    Mark.SOCKET: r"socket\.(?:socket|create_connection)\(\)|socket\.socket\(\)\.fileno\(\)",
    Mark.TEMPORARY: r"tempfile\.\w+\(\)",
    Mark.SITE: (
        r"site\.(?:getsitepackages|getusersitepackages)\(\)|site\.USER_SITE|sysconfig\.get_paths?\(\)"
        r"|sysconfig\.get_python_lib\(\)|distutils\.sysconfig\.get_python_lib\(\)"
    ),
}
_SOURCE = tuple((mark, re.compile(rf"(?:{pattern})\Z")) for mark, pattern in _SOURCES.items())
_DECODES = re.compile(
    r"(?:base64\.\w*decode\w*|binascii\.(?:a2b_\w+|unhexlify)|(?:zlib|gzip|lzma|bz2|brotli|blosc|lz4\.frame)\.decompress"
    r"|zlib\.decompressobj\(\)\.decompress|codecs\.decode|marshal\.loads"
    r"|builtins\.(?:bytes|bytearray)\.fromhex|cryptography\.fernet\.Fernet\(\)\.decrypt"
    r"|(?:Crypto|Cryptodome)\.Cipher\.\w+\.new\(\)\.decrypt\w*|pyaes\.\w+\(\)\.\w+|rsa\.decrypt"
    r"|cryptography\.hazmat\.\S*decryptor\(\)\.\w+|nacl\.\S*decrypt|stegano\.\S*reveal)\(\)\Z"
)
_CACHE_MAX = 20_000
_sinks: dict[str, Sink | None] = {}
_sources: dict[str, frozenset[str]] = {}


def sink_of(name: str) -> Sink | None:
    """The sink that calling a name is; None where it is none that matters."""
    if name not in _sinks:
        if len(_sinks) > _CACHE_MAX:
            _sinks.clear()
        _sinks[name] = next((sink for sink, form in _SINKS if form.match(name)), None)
    return _sinks[name]


def source_of(name: str) -> frozenset[str]:
    """The marks of what a name holds, or of what a call gives (`name()`)."""
    if name not in _sources:
        if len(_sources) > _CACHE_MAX:
            _sources.clear()
        marks = [mark for mark, form in _SOURCE if form.match(name)]
        if _DECODES.match(name) or name == "builtins.chr()":
            marks.append(Mark.DECODED)
        if Mark.HOST in marks and Mark.PLATFORM in marks:
            marks.remove(Mark.PLATFORM)
        if name.endswith("()") and sink_of(name[:-2]) is Sink.NETWORK:
            marks.append(Mark.HOST if name == "socket.gethostbyname()" else Mark.DOWNLOAD)
        if name.endswith("()") and sink_of(name[:-2]) is Sink.PROCESS:
            marks.append(Mark.OUTPUT)
        _sources[name] = frozenset(marks)
    return _sources[name]


CALLERS = re.compile(
    r"threading\.(?:Thread|Timer)|multiprocessing\.(?:Process|Pool\(\)\.\w+)|atexit\.register"
    r"|asyncio\.(?:run|create_task|ensure_future|gather|get_event_loop\(\)\.\w+|new_event_loop\(\)\.\w+)"
    r"|_thread\.start_new_thread|thread\.start_new_thread|builtins\.(?:map|filter|sorted|max|min|list)"
    r"|concurrent\.futures\.\w+\(\)\.(?:submit|map)|functools\.(?:partial|reduce)|contextlib\.\w+"
    r"|threading\.Thread\(\)\.\w+|sched\.scheduler\(\)\.enter|trio\.run|anyio\.run"
)
"""What calls the functions that it is given, sooner or later."""
_BUILD_WORDS = """
    Develop Install InstallCommand bdist bdist_egg bdist_wheel build build_clib build_ext
    build_py build_scripts develop dist_info easy_install editable_wheel egg_info install
    install_data install_egg_info install_headers install_lib install_scripts post_install
    sdist
"""
BUILD_COMMANDS = frozenset(_BUILD_WORDS.split())
"""Commands of setuptools that an installation runs; `sdist` since old front ends built one."""
_INSTALL_WORDS = """
    bdist_egg develop easy_install egg_info install install_data install_lib install_scripts
"""
INSTALL_COMMANDS = frozenset(_INSTALL_WORDS.split())
"""Those that honest projects seldom have a reason to extend."""
_BUILTIN_WORDS = """
    __import__ abs all any bool bytearray bytes callable chr classmethod compile dict dir
    enumerate eval exec execfile filter float format frozenset getattr globals hasattr hex id
    input int isinstance iter len list locals map max memoryview min next object open ord pow
    print property range raw_input repr reversed set setattr sorted staticmethod str sum super
    tuple type unicode vars zip
"""
BUILTINS = frozenset(_BUILTIN_WORDS.split())
"""Names that are there without an import, of Python 2 too."""
