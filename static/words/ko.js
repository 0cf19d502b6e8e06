/**
 * 한국어. The keys of this file are the keys there are; every other language has the same ones (the types and a test hold them
 * equal, with the same placeholders). A text with `one` and `other` is chosen by its value `n`.
 *
 * @typedef {string | { one?: string, other: string }} Text
 */

const words = {
  // Shared.
  "live.live": "실시간",
  "live.old": "다시 연결하는 중…",
  "live.ended": "연결 끝",
  "live.as_of": "{ago} 기준",
  "range.unknown": "아직 예상할 수 없어요",
  "range.under": "약 {high}분 이내",
  "range.about": "약 {high}분",
  "range.between": "약 {low}–{high}분",
  "ago.seconds": "{n}초 전",
  "ago.minutes": "{n}분 전",
  "ago.hours": "{n}시간 전",
  "duration.seconds": "{n}초",
  "duration.minutes": "{n}분",
  "duration.hours": "{h}시간 {m}분",
  "ahead.n": "앞에 {n}팀",
  "ahead.next": "다음 순서예요",
  "order.may_differ": "번호 순서와 입장 순서는 다를 수 있어요",
  "state.waiting": "대기 중",
  "state.called": "호출됨",
  "state.seated": "입장",
  "state.completed": "이용 완료",
  "state.cancelled": "취소됨",
  "state.no_show": "미도착",
  "open.open": "접수 중",
  "open.direct": "바로 입장",
  "open.paused": "접수 중지",
  "open.closed": "접수 마감",
  "party.people": "{n}명",
  "party.adults": "어른 {n}명",
  "party.children": "아이 {n}명",
  "channel.onsite": "매장",
  "channel.remote": "원격",
  "sold_out": "품절",
  "left.n": "{n}개 남음",
  "close": "닫기",
  "back": "뒤로",
  "cancel": "취소",
  "retry": "다시 시도",
  "loading": "불러오는 중…",
  "language": "언어",
  "not_found.title": "찾을 수 없어요",
  "not_found.text": "주소를 다시 확인해 주세요.",
  "to_start": "처음으로",

  // Refusals: the server's codes.
  "refusal.unreachable": "연결되지 않았어요. 네트워크를 확인해 주세요.",
  "refusal.internal": "문제가 생겼어요. 잠시 후 다시 시도해 주세요.",
  "refusal.malformed": "요청을 읽지 못했어요.",
  "refusal.unauthenticated": "먼저 로그인해 주세요.",
  "refusal.forbidden": "권한이 없어요.",
  "refusal.not_found": "찾을 수 없어요.",
  "refusal.method_not_allowed": "지원하지 않는 요청이에요.",
  "refusal.restaurant_closed": "지금은 영업하지 않아요.",
  "refusal.line_closed": "이 줄은 접수가 끝났어요.",
  "refusal.paused": "잠시 접수를 멈췄어요. 조금 뒤에 다시 시도해 주세요.",
  "refusal.line_full": "대기가 꽉 찼어요.",
  "refusal.remote_full": "원격 대기가 꽉 찼어요. 매장에서 접수해 주세요.",
  "refusal.remote_closed": "지금은 매장에서만 접수할 수 있어요.",
  "refusal.daily_full": "오늘 접수가 모두 끝났어요.",
  "refusal.party_size": "이 인원은 여기서 접수할 수 없어요. 직원에게 말씀해 주세요.",
  "refusal.already_waiting": "이 전화번호로 이미 대기 중이에요. 번호와 코드로 찾을 수 있어요.",
  "refusal.sold_out": "품절된 메뉴가 있어요.",
  "refusal.door_code": "입구 코드가 필요해요. 매장 화면에 있는 4자리 숫자예요.",
  "refusal.line_empty": "대기 중인 팀이 없어요.",
  "refusal.wrong_state": "그사이 상태가 바뀌어 할 수 없어요.",
  "refusal.already_final": "이미 끝난 번호예요.",
  "refusal.no_delays_left": "순서를 더 미룰 수 없어요.",
  "refusal.no_recalls_left": "더 다시 호출할 수 없어요.",
  "refusal.nobody_behind": "뒤에 기다리는 팀이 없어요.",
  "refusal.direct": "지금은 기다리지 않고 바로 들어오시면 돼요.",
  "refusal.undo_expired": "되돌릴 수 있는 시간이 지났어요.",
  "refusal.rejoin_expired": "다시 줄 설 수 있는 시간이 지났어요.",
  "refusal.stock_negative": "남은 수량보다 많이 뺄 수 없어요.",
  "refusal.email_taken": "이미 가입된 이메일이에요.",
  "refusal.conflict": "그사이 다른 사람이 바꿨어요. 다시 시도해 주세요.",
  "refusal.place_lost": "기록이 사라졌어요. 이 화면을 직원에게 보여 주세요.",
  "refusal.too_large": "내용이 너무 길어요.",
  "refusal.unsupported_media_type": "지원하지 않는 형식이에요.",
  "refusal.invalid": "입력한 내용을 확인해 주세요.",
  "refusal.idempotency_mismatch": "다른 요청에 쓰인 키예요.",
  "refusal.too_many_requests": "요청이 너무 많아요. 잠시 후 다시 시도해 주세요.",
  "refusal.unavailable": "지금은 할 수 없어요. 잠시 후 다시 시도해 주세요.",
  "refusal.restoring": "대기 줄을 다시 불러오고 있어요. 잠시만요.",
  "refusal.outcome_unknown": "처리됐는지 확인하고 있어요.",

  // Phone.
  "phone.title": "내 대기",

  // Home.
  "home.title": "어디서 기다릴까요?",

  // Kiosk.
  "kiosk.title": "번호표",

  // Board.
  "board.title": "대기 현황",

  // Console.
  "console.title": "대기 관리",

  // Sign in.
  "signin.title": "로그인",
};

/** @typedef {{ [K in keyof typeof words]: Text }} Words */

export default /** @type {Words} */ (words);
